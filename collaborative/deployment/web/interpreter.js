// Runs a graph of `graph.py` on one image, in float32, without any library; see `runtime.py`.
// Part of collaborative-deep-learning, under the MIT licence of that project.
const network = (() => {
  const erf = (x) => { // Abramowitz and Stegun 7.1.26, within 1.5e-7
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - series * Math.exp(-x * x));
  };
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const hardSigmoid = (x) => Math.min(1, Math.max(0, x / 6 + 0.5));
  const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const functions = {
    relu: (x) => (x > 0 ? x : 0),
    relu6: (x, a = 6) => Math.min(Math.max(x, 0), a),
    leaky_relu: (x, a = 0.2) => (x > 0 ? x : a * x),
    elu: (x, a = 1) => (x > 0 ? x : a * Math.expm1(x)),
    selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
    sigmoid,
    hard_sigmoid: hardSigmoid,
    silu: (x) => x * sigmoid(x),
    hard_silu: (x) => x * hardSigmoid(x),
    tanh: Math.tanh,
    softplus,
    softsign: (x) => x / (1 + Math.abs(x)),
    exponential: Math.exp,
    gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
    mish: (x) => x * Math.tanh(softplus(x)),
  };
  const pairs = {
    add: (x, y) => x + y,
    average: (x, y) => x + y,
    multiply: (x, y) => x * y,
    maximum: Math.max,
    logSumExp: (x, y) => Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y))),
  };

  // out[r, c] = bias[c] + rows[r, :] . weights[c, :]; four columns of two rows at once, as many sums as registers hold.
  function product(rows, count, k, weights, bias, columns, out, start, stride) {
    for (let c = 0; c < columns; c += 4) {
      const wide = c + 4 <= columns;
      let r = 0;
      for (; wide && r + 2 <= count; r += 2) {
        const a = r * k, b = a + k, w0 = c * k, w1 = w0 + k, w2 = w1 + k, w3 = w2 + k;
        let s0 = bias[c], s1 = bias[c + 1], s2 = bias[c + 2], s3 = bias[c + 3];
        let t0 = s0, t1 = s1, t2 = s2, t3 = s3;
        for (let i = 0; i < k; i++) {
          const x = rows[a + i], y = rows[b + i];
          const v0 = weights[w0 + i], v1 = weights[w1 + i], v2 = weights[w2 + i], v3 = weights[w3 + i];
          s0 += x * v0; s1 += x * v1; s2 += x * v2; s3 += x * v3;
          t0 += y * v0; t1 += y * v1; t2 += y * v2; t3 += y * v3;
        }
        let o = start + r * stride + c;
        out[o] = s0; out[o + 1] = s1; out[o + 2] = s2; out[o + 3] = s3;
        o += stride;
        out[o] = t0; out[o + 1] = t1; out[o + 2] = t2; out[o + 3] = t3;
      }
      for (; r < count; r++) {
        for (let d = c; d < Math.min(c + 4, columns); d++) {
          let sum = bias[d];
          for (let i = 0, a = r * k, w = d * k; i < k; i++) sum += rows[a + i] * weights[w + i];
          out[start + r * stride + d] = sum;
        }
      }
    }
  }

  // The patches below one row of outputs, [columns, kernel height, kernel width, channels]; zeros beyond the image.
  function gather(x, o, row, first, channels, patches) {
    const [height, width, depth] = o.image, [kh, kw] = o.kernel, [, columns] = o.sides;
    let to = 0;
    for (let column = 0; column < columns; column++) {
      for (let i = 0; i < kh; i++) {
        const y = row * o.strides[0] - o.pad[0] + i * o.dilation[0];
        for (let j = 0; j < kw; j++) {
          const z = column * o.strides[1] - o.pad[1] + j * o.dilation[1];
          if (y < 0 || y >= height || z < 0 || z >= width) {
            for (let c = 0; c < channels; c++) patches[to++] = 0;
          } else {
            for (let c = 0, from = (y * width + z) * depth + first; c < channels; c++) patches[to++] = x[from++];
          }
        }
      }
    }
  }

  function conv(out, o, [x]) {
    const channels = o.image[2] / o.groups, filters = o.filters / o.groups, [rows, columns] = o.sides;
    const k = o.kernel[0] * o.kernel[1] * channels;
    const patches = o.patches ||= new Float32Array(columns * k);
    for (let group = 0; group < o.groups; group++) {
      const first = group * filters;
      const weights = o.w.subarray(first * k, (first + filters) * k), bias = o.b.subarray(first, first + filters);
      for (let row = 0; row < rows; row++) {
        gather(x, o, row, group * channels, channels, patches);
        product(patches, columns, k, weights, bias, filters, out, row * columns * o.filters + first, o.filters);
      }
    }
  }

  // Calls visit(output position, input position, kernel position) wherever a window lies on the image.
  function slide(o, visit) {
    const [height, width] = o.image, [kh, kw] = o.kernel, [rows, columns] = o.sides;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let i = 0; i < kh; i++) {
          const y = row * o.strides[0] - o.pad[0] + i;
          if (y < 0 || y >= height) continue;
          for (let j = 0; j < kw; j++) {
            const z = column * o.strides[1] - o.pad[1] + j;
            if (z >= 0 && z < width) visit(row * columns + column, y * width + z, i * kw + j);
          }
        }
      }
    }
  }

  function depthwise(out, o, [x]) {
    const channels = o.image[2], m = o.multiplier, depth = channels * m;
    for (let i = 0; i < out.length; i++) out[i] = o.b[i % depth];
    slide(o, (to, from, at) => {
      for (let d = 0; d < depth; d++) out[to * depth + d] += x[from * channels + (m === 1 ? d : Math.floor(d / m))] * o.w[at * depth + d];
    });
  }

  function maxPool(out, o, [x]) {
    const channels = o.image[2];
    out.fill(-Infinity);
    slide(o, (to, from) => {
      for (let c = 0; c < channels; c++) {
        const value = x[from * channels + c];
        if (value > out[to * channels + c]) out[to * channels + c] = value;
      }
    });
  }

  function averagePool(out, o, [x]) {
    const channels = o.image[2], sums = new Float64Array(out.length), counts = new Float64Array(out.length / channels);
    slide(o, (to, from) => {
      counts[to]++;
      for (let c = 0; c < channels; c++) sums[to * channels + c] += x[from * channels + c];
    });
    for (let i = 0; i < out.length; i++) out[i] = sums[i] / counts[Math.floor(i / channels)];
  }

  function affine(out, o, [x]) {
    const { channels, scale, shift } = o;
    for (let i = 0; i < x.length; ) for (let c = 0; c < channels; c++, i++) out[i] = scale[c] * x[i] + shift[c];
  }

  function dense(out, o, [x]) {
    product(x, x.length / o.channels, o.channels, o.w, o.b, o.filters, out, 0, o.filters);
  }

  function map(out, o, [x]) {
    const f = functions[o.f];
    if (o.f === "relu") for (let i = 0; i < x.length; i++) out[i] = x[i] > 0 ? x[i] : 0;
    else for (let i = 0; i < x.length; i++) out[i] = f(x[i], o.a);
  }

  function combine(out, o, inputs) {
    const f = pairs[o.op];
    out.set(inputs[0]);
    for (const x of inputs.slice(1)) for (let i = 0; i < out.length; i++) out[i] = f(out[i], x[i]);
    if (o.op === "average") for (let i = 0; i < out.length; i++) out[i] /= inputs.length;
  }

  function add(out, o, inputs) {
    if (inputs.length !== 2) return combine(out, o, inputs);
    const [x, y] = inputs;
    for (let i = 0; i < out.length; i++) out[i] = x[i] + y[i];
  }

  function logSoftmax(out, o, [x]) {
    for (let start = 0; start < x.length; start += o.channels) {
      const one = x.subarray(start, start + o.channels), most = one.reduce((a, b) => Math.max(a, b));
      const total = most + Math.log(one.reduce((sum, value) => sum + Math.exp(value - most), 0));
      one.forEach((value, i) => { out[start + i] = value - total; });
    }
  }

  function softmax(out, o, inputs) {
    logSoftmax(out, o, inputs);
    for (let i = 0; i < out.length; i++) out[i] = Math.exp(out[i]);
  }

  function concatenate(out, o, inputs) {
    const total = o.widths.reduce((a, b) => a + b);
    let start = 0;
    inputs.forEach((x, n) => {
      const width = o.widths[n];
      for (let i = 0; i < x.length; i++) out[Math.floor(i / width) * total + start + (i % width)] = x[i];
      start += width;
    });
  }

  function pad(out, o, [x]) {
    const [height, width, channels] = o.image, [rows, columns] = o.sides;
    out.fill(0);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const y = row - o.pad[0], z = column - o.pad[1];
        if (y < 0 || y >= height || z < 0 || z >= width) continue;
        for (let c = 0; c < channels; c++) out[(row * columns + column) * channels + c] = x[(y * width + z) * channels + c];
      }
    }
  }

  const operations = {
    conv, depthwise, dense, affine, map, maxPool, averagePool, add, softmax, log_softmax: logSoftmax, concatenate, pad,
    average: combine, multiply: combine, maximum: combine, logSumExp: combine,
  };

  // Numbers from bytes: float32, or `block` whole numbers of 3 bytes after their unit.
  function decode(bytes, count, block) {
    const numbers = new Float32Array(count), view = new DataView(bytes.buffer);
    for (let i = 0, at = 0, unit = 0; i < count; i++) {
      if (i % block === 0) { unit = view.getFloat32(at); at += 4; }
      numbers[i] = block ? unit * ((view.getInt16(at) << 8) | bytes[at + 2]) : view.getFloat32(at);
      at += block ? 3 : 4;
    }
    return numbers;
  }

  // A function from an image, Float32Array [height, width, channels], to outputs, Float32Array [classes].
  function runOf(graph, weights) {
    const last = graph.operations.map((_, i) => i); // where each value is used last
    graph.operations.forEach((o, i) => {
      for (const value of o.in) if (value) last[value - 1] = i;
      const width = o.filters || (o.multiplier ? o.image[2] * o.multiplier : 0);
      const part = (start, size) => weights.subarray(start, start + size);
      if (o.op === "affine") Object.assign(o, { scale: part(o.scale, o.channels), shift: part(o.shift, o.channels) });
      if (o.weights === undefined) return;
      const size = { conv: () => o.kernel[0] * o.kernel[1] * o.image[2] / o.groups, dense: () => o.channels, depthwise: () => o.kernel[0] * o.kernel[1] }[o.op]();
      o.w = part(o.weights, size * width);
      o.b = o.bias < 0 ? new Float32Array(width) : part(o.bias, width);
    });
    last[graph.output - 1] = Infinity;
    return (image) => {
      const values = [image], free = {};
      graph.operations.forEach((o, i) => {
        const out = free[o.size]?.pop() || new Float32Array(o.size);
        operations[o.op](out, o, o.in.map((value) => values[value]));
        values.push(out);
        for (const value of new Set(o.in)) if (value && last[value - 1] === i) (free[values[value].length] ||= []).push(values[value]);
      });
      return values[graph.output];
    };
  }

  function load({ models, alphabet }, text) {
    return models.map(({ graph, count, block }, i) => runOf(graph, decode(bytesOf(text(`weights-${i}`), alphabet), count, block)));
  }
  return { load };
})();
