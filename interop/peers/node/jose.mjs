// Lets the tests in interop/ use jose: a JSON object a line on standard input, one a line on standard output.
// The first argument is the folder with `node_modules`.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const folder = process.argv[2];
const jose = createRequire(join(folder, "package.json"))("jose");

const TASKS = {
  async encrypt(question) {
    const key = await jose.importJWK(question.key, question.header.alg);
    const token = new jose.CompactEncrypt(new TextEncoder().encode(question.content));
    token.setProtectedHeader(question.header);
    if (question.parties) {
      const [apu, apv] = question.parties.map((text) => new TextEncoder().encode(text));
      token.setKeyManagementParameters({ apu, apv });
    }
    return token.encrypt(key);
  },

  async decrypt(question) {
    const key = await jose.importJWK(question.key, question.algorithm);
    const { plaintext, protectedHeader } = await jose.compactDecrypt(question.token, key);
    return { content: new TextDecoder().decode(plaintext), header: protectedHeader };
  },

  async version() {
    const manifest = join(folder, "node_modules", "jose", "package.json");
    return JSON.parse(readFileSync(manifest, "utf8")).version;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await TASKS[question.task](question) };
  } catch (error) {
    answer = { error: `${error.code ?? error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
