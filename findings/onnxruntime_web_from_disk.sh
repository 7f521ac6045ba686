#!/usr/bin/env bash
# onnxruntime-web 1.30.0 (Node 20): its module in a page that is opened from disk.
#
# Guess: `ort.wasm.bundle.min.mjs` has all that it needs with it. Put into a page as an
#   inline module, with the WebAssembly given as `wasmBinary`, it loads from file:// in any
#   browser, as it does in Chromium.
# Seen: where its own address is a file's, the module resolves one against
#   `location.origin` as it loads. Chromium's and WebKit's is "file://" there. Firefox's is
#   "null" (140 ESR), as the HTML standard has it for what has no origin: that is no
#   address, the module throws, and there is no `ort`. Node stands in for both here.
# What helps: `import.meta.url` in the module replaced by "data:,", which is no file's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit onnxruntime-web@1.30.0 > /dev/null
dist=node_modules/onnxruntime-web/dist
sed 's/import\.meta\.url/"data:,"/g' $dist/ort.wasm.bundle.min.mjs > changed.mjs
cat > run.mjs <<'NODE'
const [path, origin, wanted] = process.argv.slice(2);
globalThis.location = { origin, href: "file:///page.html" };
const found = await import(path).then(
  ({ InferenceSession }) => `InferenceSession is a ${typeof InferenceSession}`,
  (error) => `${error.name}: ${error.message}`,
);
console.log(`${path.split("/").pop()}, origin "${origin}": ${found}`);
if (found !== wanted) throw new Error(`it changed: it was ${wanted}`);
NODE
loads="InferenceSession is a function"
node run.mjs ./$dist/ort.wasm.bundle.min.mjs "file://" "$loads"
node run.mjs ./$dist/ort.wasm.bundle.min.mjs null "TypeError: Invalid URL"
node run.mjs ./changed.mjs "file://" "$loads"
node run.mjs ./changed.mjs null "$loads"
