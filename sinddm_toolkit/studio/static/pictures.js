/** The pictures that the server has: tiles, levels, pixels. */

import { get } from "./api.js";

export const TILE_SIDE = 512;

/** What the server says of a picture. @returns {Promise<import("./workbench.js").Picture>} */
export function about(id) {
  return get(`pictures/${id}`);
}

/** Twelve colours of the picture, as "#rrggbb". @returns {Promise<string[]>} */
export async function palette(id) {
  return (await get(`pictures/${id}/palette`)).colours;
}

/** The width and height of level `k`, which is the picture over 2^k. */
export function sizeOfLevel(picture, k) {
  return {
    width: Math.ceil(picture.width / 2 ** k),
    height: Math.ceil(picture.height / 2 ** k),
  };
}

export function tileAddress(id, k, column, row) {
  return `/api/pictures/${id}/levels/${k}/${column}-${row}.png`;
}

/** Where a small picture of one is: the finest level that is a single tile. */
export function thumbnailOf(picture) {
  let k = 0;
  while (Math.max(picture.width, picture.height) > TILE_SIDE * 2 ** k) k += 1;
  return tileAddress(picture.id, k, 0, 0);
}

/** A tile as an ImageBitmap, decoded beside the page's own work. */
export async function tile(id, k, column, row, signal) {
  const response = await fetch(tileAddress(id, k, column, row), { signal });
  if (!response.ok) throw new Error(`no tile ${k}/${column}-${row}`);
  return createImageBitmap(await response.blob());
}

/** The whole of the finest level whose sides are at most `longest`, as a canvas. */
export async function whole(picture, longest) {
  let k = 0;
  while (k < picture.levels - 1 && Math.max(picture.width, picture.height) / 2 ** k > longest) k++;
  const { width, height } = sizeOfLevel(picture, k);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const jobs = [];
  for (let row = 0; row * TILE_SIDE < height; row++) {
    for (let column = 0; column * TILE_SIDE < width; column++) {
      jobs.push(
        tile(picture.id, k, column, row).then((bitmap) => {
          context.drawImage(bitmap, column * TILE_SIDE, row * TILE_SIDE);
        }),
      );
    }
  }
  await Promise.all(jobs);
  return canvas;
}

/**
 * A mask picture's pixels, row by row, 0 to 255: grey times alpha. The picture may be an id or a
 * file. @returns {Promise<{width: number, height: number, pixels: Uint8Array}>}
 */
export async function maskPixels(source) {
  let blob = source;
  if (typeof source === "string") {
    const response = await fetch(`/api/pictures/${source}/file`);
    if (!response.ok) throw new Error("the mask is not there any more");
    blob = await response.blob();
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${source.name ?? "the mask"} is no picture that the page can read`);
  }
  const { width, height } = bitmap;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.min(height, 512);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y += canvas.height) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, -y);
    const { data } = context.getImageData(0, 0, width, Math.min(canvas.height, height - y));
    for (let i = 0; i < data.length / 4; i++) {
      const grey = (data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3;
      // What is not black is inside, however dark: it must not become 0 here.
      pixels[y * width + i] = Math.ceil((grey * data[4 * i + 3]) / 255);
    }
  }
  return { width, height, pixels };
}
