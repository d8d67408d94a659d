// The stills of one picture by sharp, as its users would at best: one decoding, then all files side by side.
import { mkdirSync } from "node:fs";
import sharp from "sharp";

const [source, folder, recipe] = process.argv.slice(2);
const how = JSON.parse(recipe);
sharp.concurrency(2);
sharp.cache(false);
mkdirSync(folder, { recursive: true });
const { data, info } = await sharp(source, { failOn: "truncated" })
  .autoOrient()
  .resize({ width: how.widths.at(-1), height: 16383, fit: "inside", withoutEnlargement: true })
  .raw()
  .toBuffer({ resolveWithObject: true });
const raw = { width: info.width, height: info.height, channels: info.channels };
const formats = {
  webp: (image) => image.webp({ quality: how.webp_quality, effort: 2 }),
  jpg: (image) => image.jpeg({ quality: how.jpeg_quality, mozjpeg: true }),
  avif: (image) => image.avif({ quality: how.avif_quality, effort: how.avif_effort, chromaSubsampling: "4:2:0" }),
};
const files = how.widths.flatMap((width) =>
  how.formats.map((ending) =>
    formats[ending](sharp(data, { raw }).resize({ width })).toFile(`${folder}/${width}.${ending}`),
  ),
);
await Promise.all(files);
