// The page: what is given, what the networks say of it, and what is pressed.
// A module, so that it runs after that of the runtime.
(async () => {
  const MOST_FILES = 500, MOST_BARS = 10;
  const $ = (id) => document.getElementById(id);
  const content = JSON.parse($("content").textContent), shape = [...content.shape, 1].slice(0, 3);
  let networks, asked = 0, before = Promise.resolve();

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // Probabilities of all classes by a network, and the time that it took.
  async function predict({ name, run }, pixels) {
    const image = Float32Array.from(pixels);
    const start = performance.now(), outputs = Array.from(await run(image)), ms = performance.now() - start;
    return { name, ms, probabilities: content.probabilities ? outputs : softmax(outputs) };
  }

  // The predictions of networks, one after the other, and after all that was asked for before.
  function predictBy(some, pixels) {
    const each = async () => {
      const predictions = [];
      for (const one of some) predictions.push(await predict(one, pixels));
      return predictions;
    };
    return (before = before.then(each, each));
  }

  // What networks say of a picture: one class, or that of each where they differ.
  const classesOf = (predictions) => predictions.map(({ probabilities }) => content.classes[bestOf(probabilities)]);
  const briefly = (predictions) => (new Set(classesOf(predictions)).size === 1 ? classesOf(predictions).slice(0, 1) : classesOf(predictions)).join(" / ");

  function softmax(logits) {
    const most = Math.max(...logits), powers = logits.map((x) => Math.exp(x - most)), total = powers.reduce((a, b) => a + b);
    return powers.map((x) => x / total);
  }

  const bestOf = (p) => p.indexOf(Math.max(...p));
  const percent = (p) => `${(100 * p).toFixed(1)} %`;

  function paint(canvas, pixels) {
    const [height, width, channels] = shape, image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels * i + (channels === 3 ? c : 0)];
      image.data[4 * i + 3] = 255;
    }
    Object.assign(canvas, { width, height }).getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  function bars(probabilities) {
    const best = bestOf(probabilities);
    let shown = probabilities.map((_, i) => i);
    if (shown.length > MOST_BARS) shown = shown.sort((a, b) => probabilities[b] - probabilities[a]).slice(0, MOST_BARS);
    const few = content.classes.every((name) => name.length < 14);
    return make("table", { className: few ? "few" : "" }, make("caption", { className: "hidden" }, "Probability of each class"),
      make("tbody", {}, ...shown.map((i) => {
        const bar = make("div", { className: "bar" });
        bar.style.width = `${100 * probabilities[i]}%`;
        return make("tr", { className: i === best ? "first" : "" }, make("th", { scope: "row" }, content.classes[i]),
          make("td", {}, bar), make("td", {}, percent(probabilities[i])));
      })));
  }

  // Shows what all networks say of a picture, where that is not known already, unless another is asked for meanwhile.
  // The predictions that are shown, or null.
  async function ask(pixels, caption, known) {
    const mine = ++asked, predictions = known || await predictBy(networks, pixels);
    if (mine !== asked) return null;
    show(pixels, caption, predictions);
    return predictions;
  }

  function show(pixels, caption, predictions) {
    for (const button of document.querySelectorAll(".tiles button")) button.setAttribute("aria-pressed", false);
    paint($("seen"), pixels);
    $("caption").textContent = caption;
    $("answers").replaceChildren(...predictions.map(({ name, ms, probabilities }) => {
      const best = bestOf(probabilities);
      return make("div", {}, ...(networks.length > 1 ? [make("h3", {}, name)] : []),
        make("p", { className: "best" }, content.classes[best], " ", make("small", {}, percent(probabilities[best]))),
        bars(probabilities), make("p", { className: "soft" }, `One prediction took ${ms.toFixed(1)}\u00a0ms.`));
    }));
    $("status").textContent = predictions.map(({ name, probabilities }) => {
      const best = bestOf(probabilities), says = `${content.classes[best]}, ${percent(probabilities[best])}`;
      return networks.length > 1 ? `${name}: ${says}` : says;
    }).join("; ");
    performance.mark("answer");
  }

  // A small picture that shows itself when pressed, with predictions that were made before, if any.
  function tile(pixels, text, caption, predictions) {
    const press = async () => {
      if (await ask(pixels, caption, predictions)) button.setAttribute("aria-pressed", true);
    };
    const picture = paint(document.createElement("canvas"), pixels);
    const button = make("button", { type: "button", onclick: press }, picture, text);
    button.setAttribute("aria-pressed", false);
    return button;
  }

  function complain(lines) {
    const some = lines.length > 6 ? [...lines.slice(0, 5), `and ${lines.length - 5} more that cannot be used`] : lines;
    $("problems").replaceChildren(...some.map((line) => make("p", { className: "bad" }, line)));
  }

  async function take(files) {
    const lines = [];
    if (files.length > MOST_FILES) lines.push(`${files.length} files are too many at once: the first ${MOST_FILES} are taken`);
    let first = null;
    for (const file of [...files].slice(0, MOST_FILES)) {
      try {
        const added = await addOwn(pictures.fit(await pictures.read(file), shape), file.name);
        first ||= added;
      } catch (error) {
        lines.push(`${file.name}: ${error.message}`);
      }
    }
    complain(lines);
    if (first) await first.onclick();
    document.body.dataset.taken = files.length; // for tests: all are done
  }

  async function addOwn(pixels, name) {
    const added = tile(pixels, briefly(await predictBy(networks.slice(0, 1), pixels)), name);
    $("own").hidden = false;
    $("tiles").append(added);
    return added;
  }

  function listenToFiles() {
    $("files").onchange = async () => { await take($("files").files); $("files").value = ""; };
    document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
    document.addEventListener("dragleave", () => document.body.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      document.body.classList.remove("over");
      if (event.dataTransfer.files.length) take(event.dataTransfer.files);
      else complain(["What was dropped is no file: save the picture first, then drop it"]);
    });
    document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) take(event.clipboardData.files); });
  }

  function listenToCamera() {
    let stream = null;
    const stop = () => {
      stream?.getTracks().forEach((track) => track.stop());
      stream = null;
      $("live").hidden = true;
      $("camera").focus();
    };
    $("camera").onclick = async () => {
      try {
        stream ||= await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      } catch (error) {
        complain([`No camera: ${navigator.mediaDevices ? error.message : "this browser gives none to a file"}; choose a file instead`]);
        return;
      }
      complain([]);
      $("video").srcObject = stream;
      $("live").hidden = false;
      $("take").focus();
    };
    $("stop").onclick = stop;
    // The middle of what the camera sees, in the proportions of the network's pictures.
    $("take").onclick = async () => {
      const { videoWidth: w, videoHeight: h } = $("video"), [height, width] = shape;
      if (!w) return complain(["The camera shows nothing yet: try again in a moment"]);
      const side = Math.min(w / width, h / height), cut = [Math.floor(side * width), Math.floor(side * height)];
      const rgba = pictures.pixelsOf($("video"), ...cut, (w - cut[0]) >> 1, (h - cut[1]) >> 1, ...cut);
      await (await addOwn(pictures.fit(rgba, shape), "camera")).onclick();
    };
  }

  function listenToDrawing({ bright, fill }) {
    const pad = $("pad"), context = pad.getContext("2d", { willReadFrequently: true }), side = pad.width;
    const [ground, ink] = bright ? ["#000", "#fff"] : ["#fff", "#000"];
    let pen = null, isDown = false, waits = false, isNew = false;
    $("drawing").hidden = false;
    const clear = () => {
      Object.assign(context, { fillStyle: ground, strokeStyle: ink, lineWidth: side / 13, lineCap: "round", lineJoin: "round" });
      context.fillRect(0, 0, side, side);
    };
    const at = (event) => {
      const box = pad.getBoundingClientRect();
      return [((event.clientX - box.left) * side) / box.width, ((event.clientY - box.top) * side) / box.height];
    };
    const move = (to) => {
      pen = to;
      to.forEach((p, i) => { $("pen").style[i ? "top" : "left"] = `${(100 * p) / side}%`; });
    };
    const line = (to) => {
      context.beginPath();
      context.moveTo(...pen);
      context.lineTo(...to);
      context.stroke();
      move(to);
      later();
    };
    // As often as the screen is drawn, or as the networks answer.
    const later = async () => {
      isNew = true;
      if (waits) return;
      waits = true;
      await answer().finally(() => { waits = false; });
    };
    const answer = async () => {
      while (isNew) {
        await new Promise(requestAnimationFrame);
        isNew = false;
        const drawn = centred(pad, ground, bright, fill);
        const predictions = drawn && await ask(pictures.fit(drawn, shape), "your drawing");
        if (predictions) $("brief").textContent = briefly(predictions);
      }
    };
    pad.onpointerdown = (event) => { isDown = true; complain([]); pad.setPointerCapture(event.pointerId); pen = at(event); line(pen); };
    pad.onpointermove = (event) => { if (isDown) for (const one of event.getCoalescedEvents?.() || [event]) line(at(one)); };
    pad.onpointerup = pad.onpointercancel = () => { isDown = false; };
    pad.onkeydown = (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const to = pen.map((p, i) => Math.min(side - 10, Math.max(10, p + 10 * way[i])));
      if (event.shiftKey) line(to);
      else move(to);
    };
    const restart = () => { clear(); move([side / 2, side / 2]); $("brief").textContent = ""; };
    $("clear").onclick = () => { asked++; restart(); };
    restart();
  }

  // The drawing as large as what the data's pictures show, and in the middle as theirs; null where there is none.
  function centred(pad, ground, bright, fill) {
    const { width, height, data } = pictures.pixelsOf(pad, pad.width, pad.height);
    let [left, top, right, bottom] = [width, height, -1, -1];
    for (let i = 0; i < width * height; i++) {
      if (data[4 * i] > 127 !== bright) continue;
      const x = i % width, y = Math.floor(i / width);
      left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
    }
    if (right < 0) return null;
    const scale = (fill * width) / Math.max(right - left + 1, bottom - top + 1, width / 4);
    const canvas = make("canvas", { width, height }), context = canvas.getContext("2d");
    context.fillStyle = ground;
    context.fillRect(0, 0, width, height);
    context.translate(width / 2, height / 2);
    context.scale(scale, scale);
    context.drawImage(pad, -(left + right + 1) / 2, -(top + bottom + 1) / 2);
    return pictures.pixelsOf(canvas, width, height);
  }

  async function showMistakes() {
    const says = networks.length > 1 ? "say" : "says";
    for (const { source, label } of content.mistakes) {
      const bytes = Uint8Array.from(atob(source), (c) => c.charCodeAt(0));
      const pixels = pictures.fit(await pictures.read(new Blob([bytes], { type: "image/png" })), shape);
      const predictions = await predictBy(networks, pixels);
      $("mistakes").append(tile(pixels, `${label}, ${says} ${briefly(predictions)}`, `is ${label}`, predictions));
      if ($("mistakes").children.length === 1 && !asked) $("mistakes").firstChild.click();
    }
  }

  try {
    if (typeof createImageBitmap === "undefined") throw new ReferenceError("createImageBitmap");
    networks = (await network.load(content, (id) => $(id).textContent)).map((run, i) => ({ name: content.models[i].name, run }));
  } catch (error) {
    $("state").textContent = error instanceof ReferenceError
      ? `This browser lacks what the page needs (${error.message}): open it in a current Chrome, Edge, Firefox or Safari.`
      : `The page could not start (${error.message}): open it again, or in another browser.`;
    $("state").className = "bad";
    return;
  }
  window.addEventListener("unhandledrejection", ({ reason }) => complain([`No answer, since this failed: ${reason?.message || reason}. Try again, or open the page again`]));
  listenToFiles();
  listenToCamera();
  if (content.drawing) listenToDrawing(content.drawing);
  $("state").hidden = true;
  $("main").hidden = false;
  if (content.mistakes.length) showMistakes();
})();
