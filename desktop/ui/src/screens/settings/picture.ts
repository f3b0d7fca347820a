// Makes a picture small enough to travel with a profile: a square, and at most 16 KiB. What else the file said, such as
// where it was taken, stays behind.

const MOST = 16 * 1024;
const SIDES = [256, 192, 128, 96];
const QUALITIES = [0.85, 0.7, 0.5];

/** The picture in base64. */
export async function fitted(file: Blob): Promise<string> {
  const picture = await createImageBitmap(file);
  const side = Math.min(picture.width, picture.height);
  const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
  for (const size of SIDES) {
    const canvas = new OffscreenCanvas(size, size);
    canvas.getContext('2d')?.drawImage(picture, left, top, side, side, 0, 0, size, size);
    for (const quality of QUALITIES) {
      const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
      if (blob.size <= MOST) return base64(new Uint8Array(await blob.arrayBuffer()));
    }
  }
  throw new Error('this picture cannot be made small enough: take another');
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
