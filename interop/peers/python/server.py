"""Lets the tests in interop/ use http-message-signatures: a JSON object a line on standard input, one a line on standard output."""

import base64
import datetime
import importlib.metadata
import json
import sys

from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver, algorithms

ALGORITHMS = {
    algorithm.algorithm_id: algorithm
    for algorithm in (
        algorithms.ECDSA_P256_SHA256,
        algorithms.ECDSA_P384_SHA384,
        algorithms.ED25519,
        algorithms.HMAC_SHA256,
        algorithms.RSA_PSS_SHA512,
        algorithms.RSA_V1_5_SHA256,
    )
}


class Fields:
    """Field lines, in order and as they came."""

    def __init__(self, lines):
        self.lines = [(name, value) for name, value in lines]

    def items(self):
        return list(self.lines)

    def __iter__(self):
        return iter([name for name, _ in self.lines])

    def __contains__(self, name):
        return any(known.lower() == name.lower() for known, _ in self.lines)

    def __setitem__(self, name, value):
        self.lines.append((name, value))

    def __delitem__(self, name):
        self.lines = [(known, value) for known, value in self.lines if known.lower() != name.lower()]


class Message:
    """What the library asks of a message. One with a status is a response."""

    def __init__(self, message):
        self.headers = Fields(message["fields"])
        if "status" in message:
            self.status_code = message["status"]
            self.request = Message(message["request"]) if "request" in message else None
        else:
            self.method = message["method"]
            self.url = f"{message['scheme']}://{message['authority']}{message['target']}"
            self.request_target = message["target"]


def keys(question):
    load = {"private": lambda der: load_der_private_key(der, None), "public": load_der_public_key}
    if question["algorithm"] == "hmac-sha256":
        load = {"private": bytes, "public": bytes}
    resolve = {kind: load[kind](base64.b64decode(question[kind])) for kind in load if kind in question}
    names = {kind: {question["keyid"]: key} for kind, key in resolve.items()}
    return MappingKeyResolver(public_keys=names.get("public", {}), private_keys=names.get("private", {}))


def sign(question):
    message = Message(question["message"])
    signer = HTTPMessageSigner(
        signature_algorithm=ALGORITHMS[question["algorithm"]], key_resolver=keys(question)
    )
    time = lambda name: datetime.datetime.fromtimestamp(question[name], tz=datetime.timezone.utc)
    signer.sign(
        message,
        key_id=question["keyid"],
        created=time("created"),
        expires=time("expires"),
        nonce=question["nonce"],
        label=question["label"],
        tag=question["tag"],
        covered_component_ids=question["covered"],
        append_if_signature_exists=True,
        use_existing_digest="content-digest" in message.headers,
    )
    lines = {name.lower(): value for name, value in message.headers.items()}
    return {"signature-input": lines["signature-input"], "signature": lines["signature"]}


def verify(question):
    verifier = HTTPMessageVerifier(
        signature_algorithm=ALGORITHMS[question["algorithm"]], key_resolver=keys(question)
    )
    content = base64.b64decode(question["content"]) if "content" in question else None
    results = verifier.verify(
        Message(question["message"]),
        max_age=datetime.timedelta(seconds=300),
        expect_tag=question["tag"],
        require_components=question["covered"],
        body=content,
    )
    [result] = results
    values = {name: value for name, value in result.covered_components.items() if name != '"@signature-params"'}
    return {"values": values, "has_content": result.body is not None}


def version(_):
    return importlib.metadata.version("http-message-signatures")


TASKS = {"sign": sign, "verify": verify, "version": version}

for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = {"ok": TASKS[question["task"]](question)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
