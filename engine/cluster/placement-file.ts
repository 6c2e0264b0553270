// A placement as a file on this machine.
import { readFileSync, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { PLACEMENT_BYTES_MAX } from "./placement.ts";
import type { PlacementSource } from "./static-membership.ts";

/** The file is replaced as often as it is written in place, so its folder is watched. Where that cannot be done the polling has to do. */
export function placementFile(path: string): PlacementSource {
  return {
    name: path,
    read: () => {
      const { size } = statSync(path);
      if (size > PLACEMENT_BYTES_MAX) throw new Error(`${path} has ${size} bytes, more than ${PLACEMENT_BYTES_MAX}`);
      return readFileSync(path, "utf8");
    },
    watch: (changed) => {
      try {
        const watcher = watch(dirname(path), (_event, name) => {
          if (name === null || name === basename(path)) changed();
        });
        watcher.on("error", () => watcher.close());
        return () => watcher.close();
      } catch {
        return () => undefined;
      }
    },
  };
}
