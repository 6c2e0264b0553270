import { expect, test } from "vitest";
import { createArguments, kafkaImage, variableOf } from "./kafka-docker.ts";
import { kafkaVersion } from "./kafka-jars.ts";
import { type NodePlan, nodeSettings } from "./kafka-settings.ts";

const BROKER: NodePlan = { nodeId: 1, roles: "broker", ports: { client: 20_001, replication: 20_002, controller: 20_003 }, advertised: 20_009, host: "c-1" };
const CONTROLLER: NodePlan = { nodeId: 100, roles: "controller", ports: { client: 1, replication: 2, controller: 20_013 }, advertised: 3, host: "c-100" };
const PLANS = [CONTROLLER, BROKER];

test.each([
  ["node.id", "KAFKA_NODE_ID"],
  ["a_b.c-d", "KAFKA_A__B_C___D"],
])("kafka docker: settings: %s is spelt as the image spells it", (property, variable) => {
  expect(variableOf(property)).toBe(variable);
});

test("kafka docker: ports: only a broker's client port is published, and on loopback alone", () => {
  const published = PLANS.map((plan) => {
    const args = createArguments({ plan, cluster: "c", clusterId: "id", settings: {} });
    return args.filter((_arg, index) => args[index - 1] === "--publish");
  });
  expect(published).toEqual([[], ["127.0.0.1:20001:20001"]]);
});

test("kafka docker: image: the version is the one of the jars", () => {
  expect(createArguments({ plan: BROKER, cluster: "c", clusterId: "id", settings: {} }).at(-1)).toBe(`apache/kafka:${kafkaVersion()}`);
  expect(kafkaImage()).toMatch(/^apache\/kafka:\d+\.\d+\.\d+$/);
});

test("kafka settings: listeners: clients are sent to the advertised port, brokers to each other by host", () => {
  const settings = nodeSettings(BROKER, PLANS, { logDir: "/data", bind: "0.0.0.0" });
  expect(settings["advertised.listeners"]).toBe("CLIENT://127.0.0.1:20009,REPLICATION://c-1:20002");
  expect(settings.listeners).toBe("CLIENT://0.0.0.0:20001,REPLICATION://0.0.0.0:20002");
  expect(settings["controller.quorum.voters"]).toBe("100@c-100:20013");
});

test("kafka settings: listeners: a controller alone has no client's", () => {
  const settings = nodeSettings(CONTROLLER, PLANS, { logDir: "/data", bind: "127.0.0.1" });
  expect(settings.listeners).toBe("CONTROLLER://127.0.0.1:20013");
  expect(settings["advertised.listeners"]).toBeUndefined();
});
