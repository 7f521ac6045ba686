// Runs ONNX files by ONNX Runtime's WebAssembly, `ort`; see `runtime.py`.
// Part of collaborative-deep-learning, under the MIT licence of that project.
const network = (() => {
  // A module with a function's type that has vectors, which engines without SIMD do not know.
  const VECTORS = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123);

  async function load({ models, shape, alphabet }, text) {
    if (typeof DecompressionStream === "undefined") throw new ReferenceError("DecompressionStream");
    if (typeof WebAssembly === "undefined" || !WebAssembly.validate(VECTORS)) throw new ReferenceError("WebAssembly with SIMD");
    const unpacked = async (id) => {
      const stream = new Blob([bytesOf(text(id), alphabet)]).stream().pipeThrough(new DecompressionStream("gzip"));
      return new Uint8Array(await new Response(stream).arrayBuffer());
    };
    ort.env.logLevel = "error";
    // Threads would be a worker's, and a page from disk can start none.
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: await unpacked("wasm") });
    const networks = [];
    for (const i of models.keys()) {
      const session = await ort.InferenceSession.create(await unpacked(`weights-${i}`));
      networks.push(runOf(session, shape));
    }
    return networks;
  }

  function runOf(session, shape) {
    const [input] = session.inputNames, [output] = session.outputNames;
    return async (image) => {
      const given = new ort.Tensor("float32", image, [1, ...shape]);
      return (await session.run({ [input]: given }))[output].data;
    };
  }
  return { load };
})();
