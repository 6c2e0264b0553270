// Run by itself before the tests: fetches what a Kafka for tests needs, so that no test's time limit covers a download.
// It tells what it does, and ends with 0 even when there can be no Kafka: the tests then say so by name.
import { dockerAnswers, pullImage } from "./kafka-docker.ts";
import { kafkaJars } from "./kafka-jars.ts";

const say = (line: string): void => console.log(`kafka for tests: ${line}`);
if (dockerAnswers()) {
  say(pullImage() ? "by Docker" : "Docker answers, but the image could not be pulled");
} else {
  const jars = await kafkaJars(say);
  say(jars.kind === "there" ? `by java, from ${jars.folder}` : jars.reason);
}
