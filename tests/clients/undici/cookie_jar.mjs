// Uses the auth routes with Node's fetch or undici's, and a cookie jar of a few lines. Prints the status of each step.
//   node cookie_jar.mjs node|undici URL EMAIL OTHER_EMAIL

import * as undici from "undici";

const [client, url, email, otherEmail] = process.argv.slice(2);
const fetch = client === "undici" ? undici.fetch : globalThis.fetch;
const password = "correct horse battery";
const jar = new Map();
const statuses = {};

async function post(name, path, { form, json, bearer } = {}) {
  const headers = { cookie: [...jar].map(([key, value]) => `${key}=${value}`).join("; ") };
  if (jar.size === 0) delete headers.cookie;
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  if (json) headers["content-type"] = "application/json";
  const body = form ? new URLSearchParams(form) : json && JSON.stringify(json);
  const response = await fetch(`${url}/api/auth/${path}`, { method: "POST", headers, body });
  for (const cookie of response.headers.getSetCookie()) {
    const [, key, value] = /^([^=]+)=([^;]*)/.exec(cookie);
    if (value) jar.set(key, value);
    else jar.delete(key);
  }
  statuses[name] = response.status;
  return response.json();
}

await post("sign-up by form", "sign-up/email", { form: { email, password } });
await post("update by cookie", "update-user", { json: { name: "Ada" } });
await post("sign-out by cookie", "sign-out");
const { token, refresh_token } = await post("sign-in by form", "sign-in/email", { form: { email, password } });
await post("refresh", "refresh", { form: { refresh_token } });
await post("update by bearer", "update-user", { json: { name: "Ada" }, bearer: token });
const passwords = { currentPassword: password, newPassword: password };
await post("change the password", "change-password", { json: { ...passwords, revokeOtherSessions: false }, bearer: token });
await post("sign-in again", "sign-in/email", { json: { email, password } });
await post("sign-up of another", "sign-up/email", { form: { email: otherEmail, password } });
await post("sign-out by bearer", "sign-out", { bearer: token });
console.log(JSON.stringify(statuses));
