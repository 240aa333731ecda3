// Lets the tests in interop/ use http-message-sig: a JSON object a line on standard input, one a line on standard output.
// The first argument is the folder with `node_modules`.

import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

// Node 18 has it under another name.
globalThis.crypto ??= webcrypto;

const folder = process.argv[2];
const sig = createRequire(join(folder, "package.json"))("http-message-sig");

const KEYS = {
  ed25519: { name: "Ed25519" },
  "rsa-pss-sha512": { name: "RSA-PSS", hash: "SHA-512" },
};

const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));

/** What JSON has no form for comes as an object with one member. */
function value(given) {
  if (typeof given !== "object") return given;
  if ("token" in given) return new sig.Token(given.token);
  return bytes(given.bytes).buffer;
}

const values = (given) => Object.fromEntries(Object.entries(given).map(([name, item]) => [name, value(item)]));

function message(given) {
  const fields = given.fields.map(([name, text]) => ({ name, value: text }));
  if (given.status !== undefined) {
    const request = given.request && message(given.request);
    return { kind: "response", status: given.status, fields, request };
  }
  return {
    kind: "request",
    method: given.method,
    targetUri: `${given.scheme}://${given.authority}${given.target}`,
    requestTarget: given.target,
    fields,
  };
}

const components = (question) => question.components.map((one) => sig.component(one.name, values(one.parameters)));

async function key(question, format, kind, usage) {
  return crypto.subtle.importKey(format, bytes(question[kind]), KEYS[question.algorithm], true, [usage]);
}

const TASKS = {
  async sign(question) {
    const signer = sig.webcrypto.signer(await key(question, "pkcs8", "private", "sign"));
    const fields = await sig.createSignature(message(question.message), {
      label: question.label,
      components: components(question),
      parameters: {
        created: question.created,
        expires: question.expires,
        nonce: question.nonce,
        alg: signer.algorithm,
        keyid: question.keyid,
        tag: question.tag,
        ...values(question.parameters ?? {}),
      },
      signer,
    });
    const headers = new Headers();
    for (const [name, text] of question.message.fields) {
      if (name.toLowerCase().startsWith("signature")) headers.append(name, text);
    }
    const all = sig.appendSignature(headers, fields);
    return { "signature-input": all.get("signature-input"), signature: all.get("signature") };
  },

  async verify(question) {
    const verified = await sig.verifySignature(message(question.message), {
      label: question.label,
      policy: {
        algorithms: [question.algorithm],
        requiredComponents: components(question),
        requiredParameters: ["created", "expires", "keyid", "nonce", "tag"],
        maxAge: 300,
        clockSkew: 5,
        validate: (signature) => signature.parameters.tag === question.tag,
      },
      resolveVerifier: async () => sig.webcrypto.verifier(await key(question, "spki", "public", "verify")),
    });
    return { parameters: Object.keys(verified.parameters) };
  },

  async version() {
    const manifest = join(folder, "node_modules", "http-message-sig", "package.json");
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
