"use strict";
// The bytes of a text of `base85.py`.
function bytesOf(text, alphabet) {
  const values = new Uint8Array(128), size = Math.floor((text.length * 4) / 5), bytes = new Uint8Array(size + 3);
  for (let i = 0; i < 85; i++) values[alphabet.charCodeAt(i)] = i;
  for (let i = 0, at = 0; at < size; at += 4) {
    let word = 0;
    for (let j = 0; j < 5; j++, i++) word = word * 85 + (i < text.length ? values[text.charCodeAt(i)] : 84);
    bytes[at] = word >>> 24; bytes[at + 1] = word >>> 16; bytes[at + 2] = word >>> 8; bytes[at + 3] = word;
  }
  return bytes.subarray(0, size);
}
