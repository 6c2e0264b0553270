// Every setting of every process, grouped for people: what the README's table and `config print` show.
import { z } from "zod";
import { engineSchema } from "../engine/config.ts";
import { kafkaFields } from "../engine/kafka-settings.ts";
import { linkFields, postgresFields, processFields } from "../engine/process-settings.ts";
import { gatewaySchema } from "../gateway/config.ts";
import { cliSchema } from "./cli/config.ts";
import { supervisorSchema } from "./standalone/config.ts";

export interface SettingGroup {
  readonly title: string;
  readonly schema: z.ZodObject;
}

const groups: readonly SettingGroup[] = [
  { title: "Every process", schema: z.object({ ...processFields, ...linkFields }) },
  { title: "Engine", schema: engineSchema },
  { title: "Gateway", schema: gatewaySchema },
  { title: "Postgres", schema: z.object(postgresFields) },
  { title: "Kafka", schema: z.object(kafkaFields) },
  { title: "Supervisor", schema: supervisorSchema },
  { title: "Command line", schema: cliSchema },
];

/** All settings, each in one group only: the settings of Postgres and Kafka and those of every process are not repeated. */
export function settingGroups(): SettingGroup[] {
  const shared = new Set([...Object.keys(processFields), ...Object.keys(linkFields), ...Object.keys(postgresFields), ...Object.keys(kafkaFields)]);
  const seen = new Set<string>();
  return groups.map(({ title, schema }) => {
    const own = ["Every process", "Postgres", "Kafka"].includes(title);
    const shape = Object.fromEntries(Object.entries(schema.shape).filter(([key]) => !seen.has(key) && (own || !shared.has(key))));
    for (const key of Object.keys(shape)) seen.add(key);
    return { title, schema: z.object(shape) };
  });
}

/** One schema of all settings. */
export function everySetting(): z.ZodObject {
  return z.object(Object.assign({}, ...settingGroups().map((group) => group.schema.shape)));
}
