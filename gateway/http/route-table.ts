// Which methods a path has: so that a wrong method on a known path is told from an unknown path.
import type { Hono } from "hono";
import type { HttpEnvironment } from "./environment.ts";

export class RouteTable {
  readonly #routes: readonly { readonly method: string; readonly path: RegExp }[];

  /** Reads the routes that the app has by now. */
  constructor(app: Hono<HttpEnvironment>) {
    this.#routes = app.routes
      .filter((route) => route.method !== "ALL")
      .map((route) => ({ method: route.method.toUpperCase(), path: new RegExp(`^${route.path.replace(/[.+]/g, "\\$&").replace(/:[^/]+/g, "[^/]+")}$`) }));
  }

  /** In the order an `Allow` header lists them; empty where nothing is. */
  methodsAt(path: string): readonly string[] {
    const found = new Set(this.#routes.filter((route) => route.path.test(path)).map((route) => route.method));
    if (found.has("GET")) found.add("HEAD");
    return [...found].sort();
  }
}
