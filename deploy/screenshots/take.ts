// Takes the pictures of the README: starts a whole system in a folder of its own, holds a sale in it, looks at it in a browser.
// Run by hand, with a build and Chromium on the machine: `node --import tsx deploy/screenshots/take.ts`, about two minutes.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
// biome-ignore lint/style/noRestrictedImports: pictures are taken with the browser that the tests use
import { chromium } from "playwright-core";
import { SpawnedSystem } from "../standalone/spawned-system.ts";
import { openScene } from "./scene.ts";
import { takeAll } from "./shots.ts";

const FOLDER = dirname(fileURLToPath(import.meta.url));
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
/** 400 KiB: a README with seven pictures still opens at once. */
const PICTURE_BYTES_MAX = 400 * 1_024;

/** Faces of a desktop that has good ones; where they are not installed, the machine's own are used. */
const FACES: Readonly<Record<string, string>> = { "system-ui": "Inter", "sans-serif": "Inter", serif: "Charis SIL" };

/** A fontconfig file that prefers FACES to the machine's own choice. */
function fontsFile(): string {
  const preferred = Object.entries(FACES).map(
    ([family, face]) =>
      `<match target="pattern"><test name="family"><string>${family}</string></test>` +
      `<edit name="family" mode="prepend" binding="strong"><string>${face}</string></edit></match>`,
  );
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><include>/etc/fonts/fonts.conf</include>${preferred.join("")}</fontconfig>`;
}

function keep(name: string, picture: Buffer): void {
  if (picture.length > PICTURE_BYTES_MAX) throw new Error(`${name}.png has ${picture.length} bytes, at most ${PICTURE_BYTES_MAX} are wanted`);
  writeFileSync(join(FOLDER, `${name}.png`), picture);
  process.stdout.write(`${name}.png, ${Math.ceil(picture.length / 1_024)} KiB\n`);
}

async function run(): Promise<void> {
  if (CHROMIUM === undefined) throw new Error("no Chromium on this machine: apt-get install chromium fonts-inter-variable fonts-sil-charis");
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-screenshots-"));
  const fonts = join(folder, "fonts.conf");
  writeFileSync(fonts, fontsFile());
  const system = new SpawnedSystem();
  const browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: false, env: { FONTCONFIG_FILE: fonts, HOME: folder } });
  try {
    await system.ready();
    const scene = await openScene(system);
    await takeAll({ browser, url: system.url, scene, keep });
    await scene.close();
  } finally {
    await browser.close();
    await system.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

await run();
