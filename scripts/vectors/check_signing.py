"""Checks vectors/signing.json with the standard library alone, as another implementation would. Exits with 1 at a difference."""

import hashlib
import hmac
import json
import re
import sys

SIGNATURE = re.compile(
    r"t=(\d{1,12}),n=([A-Za-z0-9_-]{16,64}),k=([A-Za-z0-9_.~-]{1,64})(?:,i=([0-9a-f]{64}))?,v1=([0-9a-f]{64})"
)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def mac_of(secret, timestamp, subject, body):
    text = f"{timestamp}.{subject}.{sha256(body)}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def sign(secrets, moment, subject, body, key_hash=""):
    t, n, k = moment
    part = f",i={key_hash}" if key_hash else ""
    return f"t={t},n={n},k={k}{part},v1={mac_of(secrets[k], t, f'{subject} {k} {n}', body)}"


def is_valid(secrets, publication, sig):
    found = SIGNATURE.fullmatch(sig)
    if found is None:
        return False
    t, n, k, key_hash, mac = found.groups()
    lines = [publication["channel"], publication["event"], key_hash or "", publication["data"]]
    expected = mac_of(secrets[k], t, f"publish {k} {n}", "\n".join(lines))
    return hmac.compare_digest(expected, mac)


with open(sys.argv[1], encoding="utf-8") as file:
    vectors = json.load(file)
secrets = vectors["secrets"]
wrong = []
for each in vectors["requests"]:
    moment = (each["timestamp"], each["nonce"], each["key_id"])
    if sign(secrets, moment, f"{each['method']} {each['target']}", each["body"]) != each["signature"]:
        wrong.append(each["name"])
publications = {each["name"]: each for each in vectors["publications"]}
for each in publications.values():
    moment = (each["timestamp"], each["nonce"], each["key_id"])
    key_hash = sha256(each["key"]) if "key" in each else ""
    body = "\n".join([each["channel"], each["event"], key_hash, each["data"]])
    if sign(secrets, moment, "publish", body, key_hash) != each["sig"]:
        wrong.append(each["name"])
    if not is_valid(secrets, each, each["sig"]):
        wrong.append(f"{each['name']}, verified")
for each in vectors["refused"]:
    if is_valid(secrets, {**publications[each["of"]], **each}, each["sig"]):
        wrong.append(each["name"])
if wrong:
    sys.exit(f"different: {', '.join(wrong)}")
