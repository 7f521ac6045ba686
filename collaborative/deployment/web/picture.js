// From a picture to the pixels that the network takes, as `image_files.py` and Pillow have them.
// PNG files are decoded here, since a canvas loses colours where it is half transparent; all others by the browser.
const pictures = (() => {
  const MOST_BYTES = 64e6, MOST_PIXELS = 50e6;
  const refuse = (line) => { throw new Error(line); };

  function checkSize(width, height) {
    if (!(width && height)) refuse("a picture without pixels");
    if (width * height > MOST_PIXELS) refuse(`${width} x ${height} pixels are too many, at most ${MOST_PIXELS / 1e6} million fit here: make it smaller`);
  }

  // {width, height, data: RGBA bytes} of a file.
  async function read(file) {
    if (file.size > MOST_BYTES) refuse(`${Math.round(file.size / 1e6)} MB are too many, at most ${MOST_BYTES / 1e6} fit here: make it smaller`);
    const head = new Uint8Array(await file.slice(0, 33).arrayBuffer()), text = String.fromCharCode(...head);
    if (text.startsWith("RIFF") && text.startsWith("WEBP", 8)) return decodeTurned(file, riffChunksOf);
    if (!text.startsWith("\x89PNG\r\n\x1a\n") || head.length < 33) return decodeByBrowser(file);
    const view = new DataView(head.buffer);
    checkSize(view.getUint32(16), view.getUint32(20));
    if (head[24] === 16) refuse("16 bits a channel, of which a page can show 8: save it with 8");
    const interlaced = head[28] !== 0;
    if (interlaced || typeof DecompressionStream === "undefined") return decodeTurned(file, chunksOf);
    return decodePng(new Uint8Array(await file.arrayBuffer())).catch(() => refuse("a damaged picture"));
  }

  // All browsers turn a JPEG as its EXIF says, some a PNG, hardly one a WebP: from those two it is hidden, and they are turned here.
  async function decodeTurned(file, itsChunks) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const [, exif] = [...itsChunks(bytes)].find(([name]) => name.toLowerCase() === "exif") || [];
    if (!exif) return decodeByBrowser(file);
    const at = exif.byteOffset, end = at + exif.length;
    const rest = itsChunks === riffChunksOf ? [bytes.slice().fill(32, at - 8, at - 4)] : [bytes.subarray(0, at - 8), bytes.subarray(end + 4)];
    return upright(await decodeByBrowser(new Blob(rest)), orientation(exif));
  }

  async function decodeByBrowser(file) {
    const options = { colorSpaceConversion: "none", imageOrientation: "from-image" };
    const bitmap = await createImageBitmap(file, options).catch(() => refuse("not a picture that this browser can read"));
    checkSize(bitmap.width, bitmap.height);
    return pixelsOf(bitmap, bitmap.width, bitmap.height);
  }

  // Browsers that hide who one is may hand out other pixels than were painted.
  let isChecked = false; // what could be read once stays so
  function checkCanvas() {
    if (isChecked) return;
    const context = Object.assign(document.createElement("canvas"), { width: 8, height: 8 }).getContext("2d", { willReadFrequently: true });
    const painted = [18, 52, 86, 255];
    context.fillStyle = `rgb(${painted.slice(0, 3)})`;
    context.fillRect(0, 0, 8, 8);
    const isOther = context.getImageData(0, 0, 8, 8).data.some((level, i) => level !== painted[i % 4]);
    if (isOther) refuse("this browser lets no page read the pixels of a canvas, against fingerprinting: allow it for this page, or choose PNG files");
    isChecked = true;
  }

  // What a canvas, a video or a bitmap shows; from (x, y) on, at another size if need be.
  function pixelsOf(source, width, height, ...cut) {
    checkCanvas();
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (cut.length) context.drawImage(source, ...cut, 0, 0, width, height);
    else context.drawImage(source, 0, 0);
    return context.getImageData(0, 0, width, height);
  }

  function* chunksOf(bytes) {
    const view = new DataView(bytes.buffer);
    for (let at = 8; at + 12 <= bytes.length; ) {
      const size = view.getUint32(at);
      yield [String.fromCharCode(...bytes.subarray(at + 4, at + 8)), bytes.subarray(at + 8, at + 8 + size)];
      at += 12 + size;
    }
  }

  // Those of a WebP file; EXIF counts where the first chunk, VP8X, announces it.
  function* riffChunksOf(bytes) {
    const view = new DataView(bytes.buffer), end = Math.min(bytes.length, 8 + view.getUint32(4, true));
    let hasExif = false;
    for (let at = 12; at + 8 <= end; ) {
      const size = view.getUint32(at + 4, true), name = String.fromCharCode(...bytes.subarray(at, at + 4));
      if (name === "VP8X") hasExif = (bytes[at + 8] & 8) !== 0;
      if (name !== "EXIF" || hasExif) yield [name, bytes.subarray(at + 8, at + 8 + size)];
      at += 8 + size + (size % 2);
    }
  }

  async function decodePng(bytes) {
    const chunks = [...chunksOf(bytes)], first = Object.fromEntries([...chunks].reverse());
    const header = new DataView(first.IHDR.slice().buffer), width = header.getUint32(0), height = header.getUint32(4);
    const depth = first.IHDR[8], colour = first.IHDR[9], samples = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colour];
    const packed = new Blob(chunks.filter(([name]) => name === "IDAT").map(([, data]) => data));
    const raw = new Uint8Array(await new Response(packed.stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());
    const stride = Math.ceil((width * samples * depth) / 8);
    if (!samples || raw.length < height * (stride + 1)) throw new Error("too short");
    const lines = unfilter(raw, height, stride, Math.max(1, (samples * depth) / 8));
    const rgba = { width, height, data: new Uint8ClampedArray(4 * width * height) };
    paint(rgba.data, lines, { width, height, stride, depth, colour, samples, palette: first.PLTE, clear: first.tRNS });
    return upright(rgba, first.eXIf ? orientation(first.eXIf) : 1);
  }

  // Undoes each line's filter (PNG, section 9).
  function unfilter(raw, height, stride, step) {
    const lines = new Uint8Array(height * stride);
    for (let y = 0, from = 0; y < height; y++) {
      const kind = raw[from++], to = y * stride;
      for (let x = 0; x < stride; x++) {
        const left = x < step ? 0 : lines[to + x - step], up = y ? lines[to + x - stride] : 0;
        const corner = y && x >= step ? lines[to + x - stride - step] : 0;
        lines[to + x] = raw[from++] + [0, left, up, (left + up) >> 1, kind === 4 ? paeth(left, up, corner) : 0][kind];
      }
    }
    return lines;
  }

  function paeth(left, up, corner) {
    const a = Math.abs(up - corner), b = Math.abs(left - corner), c = Math.abs(left + up - 2 * corner);
    return a <= b && a <= c ? left : b <= c ? up : corner;
  }

  function paint(data, lines, { width, height, stride, depth, colour, samples, palette, clear }) {
    const most = (1 << depth) - 1, key = clear && colour !== 3 ? [...clear].filter((_, i) => i % 2) : null;
    const sample = (y, i) => {
      if (depth === 8) return lines[y * stride + i];
      const bit = i * depth;
      return (lines[y * stride + (bit >> 3)] >> (8 - depth - (bit & 7))) & most;
    };
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to += 4) {
        const one = [];
        for (let i = 0; i < samples; i++) one.push(sample(y, x * samples + i));
        const alpha = colour === 4 ? one[1] : colour === 6 ? one[3] : 255;
        if (colour === 3) {
          for (let i = 0; i < 3; i++) data[to + i] = palette[3 * one[0] + i];
          data[to + 3] = clear && one[0] < clear.length ? clear[one[0]] : 255;
        } else {
          for (let i = 0; i < 3; i++) data[to + i] = (samples < 3 ? one[0] : one[i]) * (255 / most);
          data[to + 3] = key && key.every((value, i) => value === one[i]) ? 0 : alpha;
        }
      }
    }
  }

  // The orientation in a block of EXIF, 1 to 8, and 1 where it is damaged; some programs write its name before it.
  function orientation(exif) {
    if (exif[0] === 0x45) exif = exif.subarray(6);
    const view = new DataView(exif.slice().buffer), little = exif[0] === 0x49;
    try {
      const start = view.getUint32(4, little);
      for (let i = 0; i < view.getUint16(start, little); i++) {
        const entry = start + 2 + 12 * i, isLong = view.getUint16(entry + 2, little) === 4;
        if (view.getUint16(entry, little) === 0x112) return isLong ? view.getUint32(entry + 8, little) : view.getUint16(entry + 8, little);
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // which is an offset that lies outside
    }
    return 1;
  }

  function upright({ width: w, height: h, data }, way) {
    const from = {
      2: (x, y) => [w - 1 - x, y], 3: (x, y) => [w - 1 - x, h - 1 - y], 4: (x, y) => [x, h - 1 - y], 5: (x, y) => [y, x],
      6: (x, y) => [y, h - 1 - x], 7: (x, y) => [w - 1 - y, h - 1 - x], 8: (x, y) => [w - 1 - y, x],
    }[way];
    if (!from) return { width: w, height: h, data };
    const [width, height] = way > 4 ? [h, w] : [w, h], turned = new Uint8ClampedArray(data.length);
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to += 4) {
        const [sx, sy] = from(x, y), at = 4 * (sy * w + sx);
        turned.set(data.subarray(at, at + 4), to);
      }
    }
    return { width, height, data: turned };
  }

  function onWhite(level, alpha) {
    if (alpha === 255) return level;
    const sum = 128 * (level * alpha + 255 * (255 - alpha) + 128);
    return alpha ? ((sum >> 8) + sum) >> 15 : 255;
  }

  // Grey or RGB bytes, on white where they are transparent; integers as Pillow computes with them.
  function flatten({ width, height, data }, channels) {
    const out = new Uint8Array(width * height * channels);
    for (let i = 0, from = 0; i < width * height; i++, from += 4) {
      const alpha = data[from + 3];
      const r = onWhite(data[from], alpha), g = onWhite(data[from + 1], alpha), b = onWhite(data[from + 2], alpha);
      if (channels === 3) { out[3 * i] = r; out[3 * i + 1] = g; out[3 * i + 2] = b; }
      else out[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    }
    return out;
  }

  // For each place of the output: where its triangle begins in the input, and weights of 22 bits.
  function triangles(from, to) {
    const scale = from / to, support = Math.max(scale, 1);
    return Array.from({ length: to }, (_, i) => {
      const center = (i + 0.5) * scale;
      const first = Math.max(0, Math.trunc(center - support + 0.5)), end = Math.min(from, Math.trunc(center + support + 0.5));
      const weights = Array.from({ length: end - first }, (_, x) => Math.max(0, 1 - Math.abs((x + first - center + 0.5) * (1 / support))));
      const total = weights.reduce((a, b) => a + b, 0);
      return { first, weights: weights.map((w) => Math.trunc(0.5 + (w / total) * (1 << 22))) };
    });
  }

  // One pass of Pillow's bilinear resizing: `count` lines of `from` places, whose neighbours are `step` apart.
  function pass(bytes, out, from, to, offsets, ends, step) {
    triangles(from, to).forEach(({ first, weights }, i) => {
      offsets.forEach((offset, n) => {
        let sum = 1 << 21;
        for (let j = 0; j < weights.length; j++) sum += bytes[offset + (first + j) * step] * weights[j];
        out[ends[n] + i * step] = Math.min(255, sum >> 22);
      });
    });
    return out;
  }

  function widths(bytes, [h, w, channels], width) {
    const lines = Array.from({ length: h * channels }, (_, i) => [Math.floor(i / channels), i % channels]);
    return pass(bytes, new Uint8Array(h * width * channels), w, width,
      lines.map(([y, c]) => y * w * channels + c), lines.map(([y, c]) => y * width * channels + c), channels);
  }

  function heights(bytes, [h, w, channels], height) {
    const columns = Array.from({ length: w * channels }, (_, i) => i);
    return pass(bytes, new Uint8Array(height * w * channels), h, height, columns, columns, w * channels);
  }

  // Each pass rounds to whole levels, so that their order matters: it is that of Pillow 13.
  function resize(bytes, [h, w], [height, width, channels]) {
    if (h > height && h - height > 2 * (w - width)) {
      bytes = heights(bytes, [h, w, channels], height);
      h = height;
    }
    if (w !== width) bytes = widths(bytes, [h, w, channels], width);
    return h === height ? bytes : heights(bytes, [h, width, channels], height);
  }

  // Bytes [height, width, channels] of a picture of any size.
  function fit(rgba, shape) {
    return resize(flatten(rgba, shape[2] || 1), [rgba.height, rgba.width], [shape[0], shape[1], shape[2] || 1]);
  }
  return { read, fit, pixelsOf };
})();
