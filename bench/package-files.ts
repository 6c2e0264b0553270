// Where the things of this package lie, seen from source and from dist alike.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A path below the folder of package.json. */
export function packageFile(path: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    if (dirname(folder) === folder) throw new Error("no package.json above this file");
    folder = dirname(folder);
  }
  return join(folder, path);
}
