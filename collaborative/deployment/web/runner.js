// Runs a written page's first network in Node: node runner.js PAGE. To standard output goes the number of classes, 4 bytes;
// then for each image from standard input, float32 numbers, as many outputs; until the input ends.
const fs = require("fs");
const vm = require("vm");
const page = fs.readFileSync(process.argv[2], "utf8");
const block = (id) => page.match(new RegExp(`<script[^>]* id="${id}"[^>]*>([^]*?)</script>`))[1];
const network = vm.runInThisContext(`${block("interpreter")}; network`);
const { models, classes, alphabet, shape } = JSON.parse(block("content"));
const weights = network.decode(block("weights-0"), alphabet, models[0].count, models[0].block);
const predict = network.load(models[0].graph, weights);

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

give(Buffer.from(Uint32Array.of(classes.length).buffer));
const image = new Float32Array(shape.reduce((a, b) => a * b));
for (;;) {
  take(Buffer.from(image.buffer));
  give(Buffer.from(predict(image).buffer));
}
