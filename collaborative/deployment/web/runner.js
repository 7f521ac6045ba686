// Runs a written page's first network in Node: node runner.js PAGE. To standard output go how many numbers an image has, and the
// number of classes, 4 bytes each; then for each image from standard input, float32 numbers, as many outputs; until the input ends.
const fs = require("fs");
const vm = require("vm");
const page = fs.readFileSync(process.argv[2], "utf8");
const block = (id) => page.match(new RegExp(`<script[^>]* id="${id}"[^>]*>([^]*?)</script>`))?.[1];

async function load(content) {
  const module = block("module");
  if (module) await import(`data:text/javascript,${encodeURIComponent(module)}`);
  const network = vm.runInThisContext(`${block("runtime")}; network`);
  const [predict] = await network.load(content, block);
  return predict;
}

function take(buffer) {
  for (let at = 0; at < buffer.length; ) {
    const count = fs.readSync(0, buffer, at, buffer.length - at);
    if (!count) process.exit(0);
    at += count;
  }
}

function give(buffer) {
  for (let at = 0; at < buffer.length; ) at += fs.writeSync(1, buffer, at);
}

async function main() {
  const content = JSON.parse(block("content")), predict = await load(content);
  const image = new Float32Array(content.shape.reduce((a, b) => a * b));
  give(Buffer.from(Uint32Array.of(image.length, content.classes.length).buffer));
  for (;;) {
    take(Buffer.from(image.buffer));
    const outputs = await predict(image);
    give(Buffer.from(outputs.buffer, outputs.byteOffset, outputs.byteLength));
  }
}

main().catch((error) => {
  console.error(error.message.replace(/\s+/g, " "));
  process.exit(1);
});
