// Settings from outside to one frozen object: flag, environment, .env, default, in this order.
//
// Owns: the kinds of field, the order of sources, `X_FILE`, the list of all faults, the warning for an unknown name, masking.
// Must not: read the environment or a disk itself (config.ts files hand both in), or know any setting by name but `mode`.
//
// A schema is a zod object of the fields made here. The key `dataDir` is FAIRWARNING_DATA_DIR in the environment and
// --data-dir as a flag. A default is text, read by the same parser as everything else, so the table in the README cannot differ
// from what holds.
import { parseEnv } from "node:util";
import { z } from "zod";

/** Where a value came from. `file` is `X_FILE`. */
export type SettingOrigin = "flag" | "environment" | "file" | ".env" | "default";

/** What a field tells about itself. */
export interface SettingMeta {
  readonly unit: string;
  readonly meaning: string;
  /** As text, absent where a value is required or may be missing. */
  readonly default?: string | { readonly single: string; readonly cluster: string } | undefined;
  /** Said in the table in place of a default that is worked out at start. */
  readonly defaultText?: string;
  /** Never printed. */
  readonly secret?: true;
  /** Between our own processes: not in the table, not printed. */
  readonly internal?: true;
}

/** One wrong setting. `found` is masked where the setting is secret. */
export interface SettingFault {
  readonly name: string;
  readonly origin: SettingOrigin;
  readonly found: string;
  readonly wanted: string;
}

export interface SettingsLoaded<T> {
  readonly ok: true;
  readonly settings: Readonly<T>;
  readonly sources: Readonly<Record<string, SettingOrigin>>;
  readonly warnings: readonly string[];
}

export interface SettingsRefused {
  readonly ok: false;
  readonly faults: readonly SettingFault[];
  readonly warnings: readonly string[];
}

export interface SettingsInput<S extends z.ZodObject> {
  readonly schema: S;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By key of the schema, as typed on the command line. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
  /** Text of a .env file. */
  readonly dotenv?: string;
  /** Reads the file an `X_FILE` names; throws when it cannot. */
  readonly readFile?: (path: string) => string;
  /** Names that belong to other processes sharing this environment, so they are no mistakes here. */
  readonly foreign?: (name: string) => boolean;
}

const PREFIX = "FAIRWARNING_";
const MASKED = "(secret)";
const registry = z.registry<SettingMeta>();

// kinds of field

/** A whole number within bounds. Digits only: 5e3, 5_000 and 5.0 are refused. */
export function integer(spec: SettingMeta & { readonly min: number; readonly max: number }): z.ZodType<number, string> {
  const wanted = `a whole number from ${spec.min} to ${spec.max}`;
  const schema = z.string().transform((value, context) => {
    const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= spec.min && number <= spec.max) return number;
    context.addIssue({ code: "custom", message: wanted });
    return z.NEVER;
  });
  return schema.register(registry, metaOf(spec));
}

/** Text of at least one character; with `pattern`, text of that form, described by `wanted`. */
export function text(spec: SettingMeta & { readonly pattern?: RegExp; readonly wanted?: string }): z.ZodType<string, string> {
  const { pattern } = spec;
  const schema = z.string().refine((value) => value !== "" && (pattern === undefined || pattern.test(value)), { message: spec.wanted ?? "text" });
  return schema.register(registry, metaOf(spec));
}

/** One of a few words. */
export function choice<const T extends string>(options: readonly T[], spec: SettingMeta): z.ZodType<T, string> {
  const schema = z.string().transform((value, context): T => {
    const found = options.find((option) => option === value);
    if (found !== undefined) return found;
    context.addIssue({ code: "custom", message: `one of ${options.join(", ")}` });
    return z.NEVER;
  });
  return schema.register(registry, metaOf(spec));
}

/** `true` or `false`, nothing else. */
export function yesNo(spec: SettingMeta): z.ZodType<boolean, string> {
  const schema = z.string().transform((value, context) => {
    if (value === "true" || value === "false") return value === "true";
    context.addIssue({ code: "custom", message: "true or false" });
    return z.NEVER;
  });
  return schema.register(registry, metaOf(spec));
}

/** Words parted by commas, blanks around them dropped. The default may be the empty list, written "". */
export function list(spec: SettingMeta): z.ZodType<readonly string[], string> {
  const schema = z.string().transform((value) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  );
  return schema.register(registry, metaOf(spec));
}

/** The same field, undefined where nothing sets it. */
export function optional<T>(field: z.ZodType<T, string>): z.ZodType<T | undefined, string | undefined> {
  const { default: _unused, ...meta } = registry.get(field) ?? { unit: "", meaning: "" };
  return field.optional().register(registry, meta);
}

function metaOf(spec: SettingMeta): SettingMeta {
  const { unit, meaning, default: fallback, defaultText, secret, internal } = spec;
  const told = defaultText === undefined ? {} : { defaultText };
  return { unit, meaning, default: fallback, ...told, ...(secret === true ? { secret } : {}), ...(internal === true ? { internal } : {}) };
}

// loading

/** `dataDir` to `FAIRWARNING_DATA_DIR`. */
export function environmentName(key: string): string {
  return PREFIX + key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** Resolves every field of the schema, or says everything that is wrong at once. An empty value counts as unset. Unknown
 *  FAIRWARNING_ names are warnings, each with the nearest known name. The settings are frozen. */
export function loadSettings<S extends z.ZodObject>(input: SettingsInput<S>): SettingsLoaded<z.output<S>> | SettingsRefused {
  const dotenv = input.dotenv === undefined ? {} : parseEnv(input.dotenv);
  const keys = Object.keys(input.schema.shape);
  const faults: SettingFault[] = [];
  const raw: Record<string, string | undefined> = {};
  const sources: Record<string, SettingOrigin> = {};
  const find = (key: string) => findValue({ ...input, key, dotenv, faults });
  const mode = find("mode")?.value === "cluster" ? "cluster" : "single";
  faults.length = 0;
  for (const key of keys) {
    const found = find(key) ?? { value: defaultOf(metaFor(input.schema, key), mode), origin: "default" as const };
    raw[key] = found.value;
    sources[key] = found.origin;
  }
  const parsed = input.schema.safeParse(raw);
  const warnings = unknownNames(keys, [input.environment, dotenv], input.foreign);
  if (!parsed.success) faults.push(...faultsOf(parsed.error, input.schema, raw, sources));
  if (!parsed.success || faults.length > 0) return { ok: false, faults: firstPerName(faults), warnings };
  for (const value of Object.values(parsed.data)) Object.freeze(value);
  return { ok: true, settings: Object.freeze(parsed.data), sources: Object.freeze(sources), warnings };
}

interface FindInput {
  readonly key: string;
  readonly flags?: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly dotenv: Readonly<Record<string, string | undefined>>;
  readonly readFile?: (path: string) => string;
  readonly faults: SettingFault[];
}

function findValue(input: FindInput): { value: string; origin: SettingOrigin } | null {
  const flag = input.flags?.[input.key];
  if (isSet(flag)) return { value: flag, origin: "flag" };
  return findNamed(input, input.environment, "environment") ?? findNamed(input, input.dotenv, ".env");
}

function findNamed(
  input: FindInput,
  names: Readonly<Record<string, string | undefined>>,
  origin: "environment" | ".env",
): { value: string; origin: SettingOrigin } | null {
  const name = environmentName(input.key);
  const direct = names[name];
  const path = names[`${name}_FILE`];
  if (isSet(direct) && isSet(path)) {
    input.faults.push({ name, origin, found: `both ${name} and ${name}_FILE`, wanted: "one of the two" });
  }
  if (isSet(direct)) return { value: direct, origin };
  if (!isSet(path)) return null;
  try {
    if (input.readFile === undefined) throw new Error("files cannot be read here");
    return { value: input.readFile(path).replace(/\r?\n$/, ""), origin: "file" };
  } catch (error) {
    input.faults.push({ name, origin: "file", found: path, wanted: `a readable file (${error instanceof Error ? error.message : String(error)})` });
    return null;
  }
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

function metaFor(schema: z.ZodObject, key: string): SettingMeta {
  const field = schema.shape[key];
  return (field instanceof z.ZodType ? registry.get(field) : undefined) ?? { unit: "", meaning: "" };
}

function defaultOf(meta: SettingMeta, mode: "single" | "cluster"): string | undefined {
  return typeof meta.default === "object" ? meta.default[mode] : meta.default;
}

function faultsOf(error: z.ZodError, schema: z.ZodObject, raw: Record<string, string | undefined>, sources: Record<string, SettingOrigin>): SettingFault[] {
  return error.issues.map((issue) => {
    const key = String(issue.path[0] ?? "");
    const value = raw[key];
    const found = value === undefined ? "nothing" : metaFor(schema, key).secret === true ? MASKED : JSON.stringify(value);
    const wanted = issue.code === "custom" ? issue.message : "a value: this setting is required";
    return { name: environmentName(key), origin: sources[key] ?? "default", found, wanted };
  });
}

/** An unreadable file also leaves its setting without a value; the first fault of a name is the cause, the rest are echoes. */
function firstPerName(faults: readonly SettingFault[]): SettingFault[] {
  const seen = new Set<string>();
  return faults.filter((fault) => !seen.has(fault.name) && seen.add(fault.name));
}

function unknownNames(keys: readonly string[], places: readonly Readonly<Record<string, string | undefined>>[], foreign?: (name: string) => boolean): string[] {
  const known = keys.map(environmentName);
  const accepted = new Set([...known, ...known.map((name) => `${name}_FILE`)]);
  const names = new Set(places.flatMap((place) => Object.keys(place)).filter((name) => name.startsWith(PREFIX)));
  return [...names]
    .filter((name) => !accepted.has(name) && foreign?.(name) !== true)
    .map((name) => `${name} is not a setting; the nearest is ${nearest(name, known)}`);
}

function nearest(name: string, known: readonly string[]): string {
  let best = "";
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(source: string, target: string): number {
  let row = Array.from({ length: target.length + 1 }, (_, index) => index);
  for (let i = 1; i <= source.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= target.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (source[i - 1] === target[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[target.length] ?? 0;
}

// telling

/** One line per fault, for people. */
export function faultLines(faults: readonly SettingFault[]): string[] {
  return faults.map((fault) => `${fault.name}: found ${fault.found} (${fault.origin}); wanted ${fault.wanted}`);
}

export interface SettingRow {
  readonly name: string;
  /** "a / b" where single machine and cluster differ; "-" where there is none. */
  readonly default: string;
  readonly unit: string;
  readonly meaning: string;
  readonly secret: boolean;
}

function shownKeys(schema: z.ZodObject): string[] {
  return Object.keys(schema.shape).filter((key) => metaFor(schema, key).internal !== true);
}

/** The schema as rows of a table, in its own order. */
export function describeSettings(schema: z.ZodObject): SettingRow[] {
  return shownKeys(schema).map((key) => {
    const meta = metaFor(schema, key);
    const fallback = typeof meta.default === "object" ? `${meta.default.single} / ${meta.default.cluster}` : meta.default;
    const shown = meta.defaultText ?? (fallback === "" ? "none" : fallback) ?? "-";
    return { name: environmentName(key), default: shown, unit: meta.unit, meaning: meta.meaning, secret: meta.secret === true };
  });
}

/** Resolved settings by environment name with their source, secrets masked: what is printed at start and by `config print`. */
export function printableSettings(schema: z.ZodObject, loaded: SettingsLoaded<object>): { name: string; value: string; source: SettingOrigin }[] {
  const settings = new Map<string, unknown>(Object.entries(loaded.settings));
  return shownKeys(schema).map((key) => {
    const value = settings.get(key);
    const shown = value === undefined ? "-" : metaFor(schema, key).secret === true ? MASKED : Array.isArray(value) ? value.join(",") : String(value);
    return { name: environmentName(key), value: shown, source: loaded.sources[key] ?? "default" };
  });
}
