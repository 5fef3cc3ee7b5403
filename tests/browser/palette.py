"""Pictures of screens as small files: 256 colours, which is what screens of words and lines have."""

import base64
import struct
import zlib
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

REDUCED: Final = """
async address => {
  const bitmap = await createImageBitmap(await (await fetch(address)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const parts = pixel => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const apart = (one, other) => one.reduce((sum, part, at) => sum + (part - other[at]) ** 2, 0);
  const rest = [...counts].sort((one, other) => other[1] - one[1]).map(([pixel]) => pixel);
  const colours = [];
  // The most frequent first; what looks like one that is there already takes no place of its own.
  for (const least of [300, 40, 0]) for (const pixel of rest) {
    if (colours.length === 256) break;
    if (!colours.some(one => apart(one, parts(pixel)) <= least)) colours.push(parts(pixel));
  }
  const nearest = new Map();
  for (const pixel of rest) {
    const own = parts(pixel);
    let best = 0;
    for (let at = 1; at < colours.length; at += 1) if (apart(colours[at], own) < apart(colours[best], own)) best = at;
    nearest.set(pixel, best);
  }
  const indices = Uint8Array.from(pixels, pixel => nearest.get(pixel));
  let text = "";
  for (let at = 0; at < indices.length; at += 32768) text += String.fromCharCode(...indices.subarray(at, at + 32768));
  return [bitmap.width, bitmap.height, colours.flat(), btoa(text)];
}
"""


def keep(page: Page, picture: bytes, place: Path) -> int:
    """Write a PNG with a palette; how many bytes it has. Any page of a browser does the counting."""
    address = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    width, height, colours, indices = page.evaluate(REDUCED, address)
    rows = base64.b64decode(indices)
    raw = b"".join(b"\0" + rows[at : at + width] for at in range(0, width * height, width))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", bytes(colours)), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    made = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)
    place.write_bytes(made)
    return len(made)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
