/**
 * PNG files, exactly: what a canvas writes has gone through premultiplied alpha, and a canvas has
 * a largest size. The browser's own compression does the work (PNG, third edition, §5 and §9).
 */

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
const GREY = 0;
const RGBA = 6;

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** A raster (a mask as 8-bit grey, else RGBA) as the Blob of a PNG file. */
export async function png(raster) {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, raster.width);
  header.setUint32(4, raster.height);
  header.setUint8(8, 8);
  header.setUint8(9, raster.Pixels === Uint8Array ? GREY : RGBA);
  const data = new Uint8Array(await compressed(raster));
  const parts = [SIGNATURE];
  parts.push(...chunk("IHDR", new Uint8Array(header.buffer)), ...chunk("IDAT", data));
  parts.push(...chunk("IEND", new Uint8Array(0)));
  return new Blob(parts, { type: "image/png" });
}

async function compressed(raster) {
  const stream = new CompressionStream("deflate");
  const writer = stream.writable.getWriter();
  const result = new Response(stream.readable).arrayBuffer();
  const row = new raster.Pixels(raster.width);
  const bytes = new Uint8Array(row.buffer);
  for (let y0 = 0; y0 < raster.height; y0 += 64) {
    const y1 = Math.min(raster.height, y0 + 64);
    const block = new Uint8Array((y1 - y0) * (bytes.length + 1)); // 0 before a row: no filter
    for (let y = y0; y < y1; y++) {
      raster.copyRow(y, 0, raster.width, row);
      block.set(bytes, (y - y0) * (bytes.length + 1) + 1);
    }
    await writer.write(block);
  }
  await writer.close();
  return result;
}

function chunk(name, data) {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, data.length);
  for (let i = 0; i < 4; i++) head[4 + i] = name.charCodeAt(i);
  const tail = new DataView(new ArrayBuffer(4));
  tail.setUint32(0, ~crc(data, crc(head.subarray(4), ~0)));
  return [head, data, new Uint8Array(tail.buffer)];
}

function crc(bytes, value) {
  for (let i = 0; i < bytes.length; i++) value = CRC[(value ^ bytes[i]) & 255] ^ (value >>> 8);
  return value;
}
