// Drives a server with the unmodified client of Better Auth, and says of every promise whether it was kept.
//
//   BASE_URL=http://localhost:8000 MAILS=/tmp/mails node client.mjs          what every Better Auth server does
//   OURS=1 BASE_URL=http://localhost:8000 MAILS=/tmp/mails node client.mjs   and what this service alone adds
//
// BASE_URL             the server's public address; the first argument does as well
// MAILS                the file to which the server appends its mails
// ORIGIN               a trusted origin other than BASE_URL's, where the front end lives (default http://localhost:3000)
// BETTER_AUTH_SECRET   the server's secret; with it the signature of the cookie is checked too
// ONLY                 run only the scenarios whose title contains this
// OURS, GRACE          with OURS=1: seconds for which a used refresh token is tolerated (default 10)
//
// The server's rate limits must be off. Prints `ok - name` or `not ok - name: why`, then `N passed, N failed`, and exits
// with 1 if anything failed. server.mjs is the real thing: what fails there is wrong here.

import assert from "node:assert/strict";
import { createHmac, createPublicKey, randomBytes, verify } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";

const { env } = process;
const BASE_URL = (process.argv[2] || env.BASE_URL || "http://localhost:8000").replace(/\/$/, "");
const OWN_ORIGIN = new URL(BASE_URL).origin;
const ORIGIN = env.ORIGIN || "http://localhost:3000";
const FOREIGN = "https://evil.example";
const COOKIE = "better-auth.session_token";
const DONT_REMEMBER = "better-auth.dont_remember";
const PASSWORD = "correct horse battery";
const OTHER_PASSWORD = "staple horse correct";
const DAY = 86_400_000;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// --- Checks ----------------------------------------------------------------------------------------------------------

let passed = 0;
let failed = 0;

function report(name, error) {
  if (error === undefined) {
    passed += 1;
    console.log(`ok - ${name}`);
  } else {
    failed += 1;
    const why = error instanceof Error ? error.message || error.name : error;
    console.log(`not ok - ${name}: ${String(why).replace(/\s+/g, " ").slice(0, 400)}`);
  }
}

/** Run a check; what it returns is there for the checks after it. */
async function check(name, claim) {
  try {
    const value = await claim();
    report(name);
    return value;
  } catch (error) {
    report(name, error);
    return undefined;
  }
}

/** Run checks that build on each other. Where they cannot go on, that is a failure too. */
async function scenario(title, steps) {
  if (env.ONLY && !title.includes(env.ONLY)) {
    return;
  }
  try {
    await steps((name, claim) => check(`${title}: ${name}`, claim));
  } catch (error) {
    report(`${title}: can go on to its end`, error);
  }
}

const show = (value) => JSON.stringify(value) ?? String(value);

/** Compare, and say what was expected of what. */
function same(actual, expected, what) {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`${what} is ${show(actual)}, not ${show(expected)}`);
  }
}

/** The text, which may be absent, matches. */
function matches(text, pattern, what) {
  assert(pattern.test(text ?? ""), `${what} is ${show(text)}, which does not match ${pattern}`);
}

/** The answer, of `raw` or of the client, is this error. */
function refused(answer, status, code, message) {
  const ofClient = "error" in answer;
  assert(!ofClient || answer.error, `this was answered: ${show(answer.data)}`);
  const body = (ofClient ? answer.error : answer.json) ?? {};
  same(ofClient ? body.status : answer.status, status, "status");
  if (code) {
    same(body.code, code, "code");
  }
  if (message instanceof RegExp) {
    matches(body.message, message, "message");
  } else if (message) {
    same(body.message, message, "message");
  }
  assert.equal(typeof body.message, "string", `message is ${show(body.message)}`);
  if (answer.headers) {
    matches(answer.headers["content-type"], /^application\/(problem\+)?json\b/, "Content-Type");
  }
}

/** The answer has this status, and of its body these members. */
function answered(answer, status, members = {}) {
  if ("status" in answer) {
    same(answer.status, status, `status (body ${answer.text.slice(0, 120)})`);
    same(pick(answer.json, members), members, "body");
  } else {
    same(answer.error, null, "error");
    same(pick(answer.data, members), members, "data");
  }
}

const pick = (whole, members) => Object.fromEntries(Object.keys(members).map((name) => [name, whole?.[name]]));

function exposes({ headers }, name) {
  const listed = (headers["access-control-expose-headers"] ?? "").toLowerCase().split(/\s*,\s*/);
  assert(listed.includes(name), `Access-Control-Expose-Headers lists ${show(listed)}, not ${name}`);
}

function near(date, when, tolerance, what) {
  assert(date instanceof Date, `${what} is ${show(date)}, no Date`);
  const off = date.getTime() - when;
  assert(Math.abs(off) <= tolerance, `${what} is ${off / 1000} s off`);
}

// --- Requests whose every header is ours -----------------------------------------------------------------------------

/** Send one request to a path under /api/auth (or, from a slash, under the root); follow nothing, keep no cookie. */
function raw(method, path, { json, form, body, cookie, bearer, origin, headers = {} } = {}) {
  const payload = json !== undefined ? JSON.stringify(json) : form ? new URLSearchParams(form).toString() : body;
  const type = json !== undefined ? "application/json" : form ? "application/x-www-form-urlencoded" : undefined;
  const sent = {
    ...(type && { "content-type": type }),
    ...(payload !== undefined && { "content-length": Buffer.byteLength(payload) }),
    ...(cookie && { cookie }),
    ...(bearer && { authorization: `Bearer ${bearer}` }),
    ...(origin && { origin }),
    ...headers,
  };
  const url = path.startsWith("http") ? path : BASE_URL + (path.startsWith("/") ? path : `/api/auth/${path}`);
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: sent, timeout: 20_000 }, (incoming) => {
      const chunks = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: incoming.statusCode,
          headers: incoming.headers,
          cookies: setCookies(incoming.headers["set-cookie"] ?? []),
          text,
          json: parsed(text),
        });
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path} is not answered`)));
    outgoing.on("error", reject);
    outgoing.end(payload);
  });
}

const get = (path, options) => raw("GET", path, options);
const post = (path, options) => raw("POST", path, options);

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Read Set-Cookie headers into {name: {value, attributes}}; attributes have lower-case names. */
function setCookies(lines) {
  const cookies = {};
  for (const line of lines) {
    const [pair, ...rest] = line.split(";").map((text) => text.trim());
    const cut = pair.indexOf("=");
    const attributes = Object.fromEntries(
      rest.map((text) => {
        const [name, ...value] = text.split("=");
        return [name.toLowerCase(), value.length > 0 ? value.join("=") : true];
      }),
    );
    cookies[pair.slice(0, cut)] = { value: pair.slice(cut + 1), attributes };
  }
  return cookies;
}

const isExpired = (cookie) => cookie !== undefined && cookie.value === "" && cookie.attributes["max-age"] === "0";

/** Change one character in the middle, so that no padding or unused bit of base64 can forgive it. */
function spoilt(text) {
  const at = text.lastIndexOf(".") + 8;
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
}

// --- People, each with the real client -------------------------------------------------------------------------------

const address = () => `${randomBytes(8).toString("hex")}@example.com`;

/** A client that keeps cookies, as a browser does. */
function browser(origin = ORIGIN) {
  const jar = {};
  const seen = {};
  const customFetchImpl = async (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("origin", origin);
    if (Object.keys(jar).length > 0) {
      headers.set("cookie", header(jar));
    }
    const response = await fetch(input, { ...init, headers });
    for (const [name, { value, attributes }] of Object.entries(setCookies(response.headers.getSetCookie()))) {
      if (attributes["max-age"] === "0") {
        delete jar[name];
      } else {
        jar[name] = value;
      }
    }
    Object.assign(seen, { status: response.status, headers: response.headers, url: String(input) });
    return response;
  };
  const client = createAuthClient({ baseURL: BASE_URL, plugins: [jwtClient()], fetchOptions: { customFetchImpl } });
  return { client, jar, seen, cookie: () => header(jar) };
}

const header = (jar) => Object.entries(jar).map(([name, value]) => `${name}=${value}`).join("; ");

/** A client that keeps no cookies and sends the token of `set-auth-token`, as Better Auth's bearer plugin has it. */
function holder() {
  const held = { token: "" };
  const client = createAuthClient({
    baseURL: BASE_URL,
    plugins: [jwtClient()],
    fetchOptions: {
      headers: { origin: ORIGIN },
      auth: { type: "Bearer", token: () => held.token },
      onSuccess: ({ response }) => {
        held.token = response.headers.get("set-auth-token") || held.token;
      },
    },
  });
  return { client, held };
}

/** Sign somebody new up with a browser. */
async function newcomer(name = "Ada Lovelace") {
  const email = address();
  const person = browser();
  const { data, error } = await person.client.signUp.email({ name, email, password: PASSWORD });
  assert.equal(error, null, `sign-up failed: ${show(error)}`);
  return { ...person, email, user: data.user, token: data.token };
}

/** Sign somebody in again and return the three credentials and the whole answer. */
async function signIn(email, password = PASSWORD, extra = {}) {
  const answer = await post("sign-in/email", { json: { email, password, ...extra } });
  same(answer.status, 200, `status of the sign-in (${answer.text.slice(0, 120)})`);
  const cookie = header(Object.fromEntries(Object.entries(answer.cookies).map(([name, { value }]) => [name, value])));
  return { answer, cookie, token: answer.json.token, signed: answer.headers["set-auth-token"], user: answer.json.user };
}

async function anotherBrowser(email, password = PASSWORD) {
  const person = browser();
  const { error } = await person.client.signIn.email({ email, password });
  assert.equal(error, null, `sign-in failed: ${show(error)}`);
  return person;
}

const sessionOf = async (credential) => (await get("get-session", credential)).json;

async function alive(credential, what = "the session") {
  const answer = await get("get-session", credential);
  assert(answer.json?.session, `${what} is dead: ${answer.status} ${answer.text.slice(0, 120)}`);
}

async function dead(credential, what = "the session") {
  const answer = await get("get-session", credential);
  same(answer.status, 200, `status of get-session for ${what}`);
  same(answer.text, "null", `get-session for ${what}`);
}

/** The client takes nobody to be signed in, and nothing to be wrong. */
async function nobody(client) {
  same(await client.getSession(), { data: null, error: null }, "the client's getSession");
}

/** Every instant in the value is spelt as the client needs it. */
function spelledInstants(value) {
  const found = [...JSON.stringify(value).matchAll(/"(\w+At)":"([^"]*)"/g)];
  assert(found.length > 0, "there are no dates");
  for (const [, name, text] of found) {
    matches(text, INSTANT, name);
  }
}

const part = (token, index) => JSON.parse(Buffer.from(token.split(".")[index], "base64url").toString());

/** Verify a JWT by the server's own JWKS and return its claims. */
async function verified(token, user) {
  const { keys } = (await get("jwks")).json;
  const { alg, kid } = part(token, 0);
  same(alg, "EdDSA", "alg");
  const key = keys.find((candidate) => candidate.kid === kid);
  assert(key, `kid ${kid} is not in the JWKS`);
  const [signed, signature] = [token.slice(0, token.lastIndexOf(".")), token.slice(token.lastIndexOf(".") + 1)];
  const valid = verify(
    null,
    Buffer.from(signed),
    createPublicKey({ key, format: "jwk" }),
    Buffer.from(signature, "base64url"),
  );
  assert(valid, "the signature does not verify");
  const claims = part(token, 1);
  same(claims.iss, OWN_ORIGIN, "iss");
  same(claims.aud, OWN_ORIGIN, "aud");
  same(claims.sub, user.id, "sub");
  same(claims.exp - claims.iat, 900, "exp - iat");
  assert(Math.abs(claims.iat - Date.now() / 1000) < 5, `iat is ${claims.iat}`);
  return claims;
}

// --- Mails -----------------------------------------------------------------------------------------------------------

const mailed = () => (env.MAILS && statSync(env.MAILS, { throwIfNoEntry: false })?.size) || 0;

/** Wait for a mail to the address beyond the offset, and return the reset link in it. */
async function resetLink(email, offset) {
  assert(env.MAILS, "MAILS does not say where the mails are");
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const added = mailed() > offset ? readFileSync(env.MAILS).subarray(offset).toString() : "";
    const text = /quoted-printable/i.test(added)
      ? added.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex) => Buffer.from(hex, "hex").toString())
      : added;
    const link = text.match(/https?:\/\/[^\s"<>]+\/reset-password\/[^\s"<>]+/);
    if (link) {
      assert(text.includes(email), `the mail is not for ${email}`);
      return link[0];
    }
    await sleep(50);
  }
  throw new Error(`no mail with a reset link to ${email}`);
}

/** Ask for a reset and return the token that is mailed. */
async function resetToken(email) {
  const offset = mailed();
  answered(await post("request-password-reset", { json: { email, redirectTo: "/reset" } }), 200, { status: true });
  return new URL(await resetLink(email, offset)).pathname.split("/").pop();
}

// --- What every Better Auth server does ------------------------------------------------------------------------------

async function everyServer() {
  await scenario("sign-up", async (it) => {
    const email = address();
    const person = browser();
    const given = { name: "Ada Lovelace", email, password: PASSWORD };
    const { data } = await it("answers a token and the user", async () => {
      const result = await person.client.signUp.email(given);
      answered(result, 200);
      assert(result.data.token?.length >= 32, `token is ${show(result.data.token)}`);
      const { id, ...user } = result.data.user;
      matches(id, /^[A-Za-z0-9-]{32,36}$/, "id");
      same([user.name, user.email, user.emailVerified], [given.name, email, false], "name, email, emailVerified");
      same(user.image ?? null, null, "image");
      return result;
    });
    await it("gives the client Date objects of now", async () => {
      near(data.user.createdAt, Date.now(), 2_000, "createdAt");
      near(data.user.updatedAt, Date.now(), 2_000, "updatedAt");
    });
    await it("signs in at once, by cookie", async () => {
      const { data: session } = await person.client.getSession();
      same(session?.user.id, data.user.id, "the session's user");
    });
    await it("of a taken address is 422", async () => {
      const again = await browser().client.signUp.email(given);
      refused(again, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "User already exists. Use another email.");
    });
    await it("of a taken address in capitals is 422", async () => {
      const again = await browser().client.signUp.email({ ...given, email: email.toUpperCase() });
      refused(again, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    });
    await it("lower-cases the address", async () => {
      const capitals = address().toUpperCase();
      const result = await browser().client.signUp.email({ ...given, email: capitals });
      same(result.data?.user.email, capitals.toLowerCase(), "email");
    });
    await it("keeps the image", async () => {
      const image = "https://example.com/ada.png";
      const result = await browser().client.signUp.email({ ...given, email: address(), image });
      same(result.data?.user.image, image, "image");
    });
    await it("takes an empty name", async () => {
      const result = await browser().client.signUp.email({ ...given, email: address(), name: "" });
      answered(result, 200);
    });
    await it("drops fields that nobody may set", async () => {
      const json = { ...given, email: address(), id: "1", emailVerified: true, role: "admin", createdAt: "2001-01-01" };
      const answer = await post("sign-up/email", { json });
      answered(answer, 200);
      same(answer.json.user.emailVerified, false, "emailVerified");
      assert.notEqual(answer.json.user.id, "1");
      same("role" in answer.json.user, false, "role is there");
      assert(answer.json.user.createdAt > "2020", "createdAt was taken over");
    });
    await it("spells dates with three fraction digits and Z", async () => {
      spelledInstants((await post("sign-up/email", { json: { ...given, email: address() } })).json);
    });
    await it("takes a form", async () => {
      const answer = await post("sign-up/email", { form: { ...given, email: address() } });
      answered(answer, 200);
      assert(answer.json.token && answer.cookies[COOKIE], "token and cookie");
    });
    await it("takes a password of 128 characters, and the last one counts", async () => {
      const long = { ...given, email: address(), password: "x".repeat(128) };
      answered(await browser().client.signUp.email(long), 200);
      const wrong = await browser().client.signIn.email({ ...long, password: `${"x".repeat(127)}y` });
      refused(wrong, 401, "INVALID_EMAIL_OR_PASSWORD");
      answered(await browser().client.signIn.email(long), 200);
    });
    await it("of a short password is PASSWORD_TOO_SHORT", async () => {
      const result = await browser().client.signUp.email({ ...given, email: address(), password: "1234567" });
      refused(result, 400, "PASSWORD_TOO_SHORT", "Password too short");
    });
    await it("of 129 characters is PASSWORD_TOO_LONG", async () => {
      const result = await browser().client.signUp.email({ ...given, email: address(), password: "x".repeat(129) });
      refused(result, 400, "PASSWORD_TOO_LONG", "Password too long");
    });
    for (const [what, change, field] of [
      ["a bad address", { email: "nobody" }, "email"],
      ["no address", { email: undefined }, "email"],
      ["no password", { password: undefined }, "password"],
      ["an empty password", { password: "" }, "password"],
      ["a password that is a number", { password: 12345678 }, "password"],
      ["a name that is a number", { name: 5 }, "name"],
      ["an address that is a list", { email: [email] }, "email"],
      ["a rememberMe that is a word", { rememberMe: "yes" }, "rememberMe"],
    ]) {
      await it(`with ${what} is VALIDATION_ERROR and names the field`, async () => {
        const result = await browser().client.signUp.email({ ...given, email: address(), ...change });
        refused(result, 400, "VALIDATION_ERROR", new RegExp(`^\\[body\\.${field}\\] .+`));
      });
    }
    await it("with two faults names both", async () => {
      const result = await post("sign-up/email", { json: { name: "A", email: "nobody" } });
      refused(result, 400, "VALIDATION_ERROR", /^\[body\.email\] [^;]+; \[body\.password\] .+/);
    });
    await it("with a list for a body is VALIDATION_ERROR", async () => {
      refused(await post("sign-up/email", { json: [] }), 400, "VALIDATION_ERROR", /^\[body\] /);
    });
    await it("with malformed JSON is 400", async () => {
      const answer = await post("sign-up/email", { body: '{"email":', headers: { "content-type": "application/json" } });
      refused(answer, 400, "BAD_REQUEST", "Invalid JSON in request body");
    });
    await it("with plain text is 415", async () => {
      const answer = await post("sign-up/email", { body: "hello", headers: { "content-type": "text/plain" } });
      const message =
        'Content-Type "text/plain" is not allowed. Allowed types: application/x-www-form-urlencoded, application/json';
      refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE", message);
    });
    await it("for a foreign origin is INVALID_ORIGIN", async () => {
      const result = await browser(FOREIGN).client.signUp.email({ ...given, email: address() });
      refused(result, 403, "INVALID_ORIGIN", "Invalid origin");
    });
  });

  await scenario("sign-in", async (it) => {
    const { email, user } = await newcomer();
    const given = { email, password: PASSWORD };
    await it("answers redirect false, a token and the user", async () => {
      const result = await browser().client.signIn.email(given);
      answered(result, 200, { redirect: false });
      same(result.data.user, user, "user");
      assert(result.data.token?.length >= 32, `token is ${show(result.data.token)}`);
    });
    await it("takes the address in capitals", async () => {
      answered(await browser().client.signIn.email({ ...given, email: email.toUpperCase() }), 200);
    });
    await it("takes a form", async () => {
      const answer = await post("sign-in/email", { form: given });
      answered(answer, 200, { redirect: false });
    });
    await it("with a callbackURL answers redirect, url and location", async () => {
      const answer = await post("sign-in/email", { json: { ...given, callbackURL: "/dashboard" } });
      answered(answer, 200, { redirect: true, url: "/dashboard" });
      same(answer.headers.location, "/dashboard", "location");
    });
    await it("with a callbackURL of a trusted origin is as good", async () => {
      const answer = await post("sign-in/email", { json: { ...given, callbackURL: `${ORIGIN}/dashboard` } });
      answered(answer, 200, { redirect: true, url: `${ORIGIN}/dashboard` });
    });
    for (const callbackURL of [`${FOREIGN}/x`, "//evil.example/x", "/\\evil.example", "javascript:alert(1)"]) {
      await it(`with the callbackURL ${callbackURL} is INVALID_CALLBACK_URL`, async () => {
        const answer = await post("sign-in/email", { json: { ...given, callbackURL } });
        refused(answer, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL");
        same(answer.cookies, {}, "cookies");
      });
    }
    await it("with a wrong password is 401", async () => {
      const result = await browser().client.signIn.email({ ...given, password: OTHER_PASSWORD });
      refused(result, 401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password");
    });
    await it("of an unknown address is the same 401, to the letter", async () => {
      const wrong = await post("sign-in/email", { json: { ...given, password: OTHER_PASSWORD } });
      const unknown = await post("sign-in/email", { json: { ...given, email: address() } });
      same([unknown.status, unknown.json], [wrong.status, wrong.json], "the answer");
      same([unknown.cookies, unknown.headers["set-auth-token"]], [{}, undefined], "what it sets");
    });
    await it("of no address is INVALID_EMAIL", async () => {
      refused(await browser().client.signIn.email({ ...given, email: "nobody" }), 400, "INVALID_EMAIL", "Invalid email");
    });
    await it("without a password is VALIDATION_ERROR", async () => {
      refused(await post("sign-in/email", { json: { email } }), 400, "VALIDATION_ERROR", /^\[body\.password\] /);
    });
    await it("with an address that is a number is VALIDATION_ERROR", async () => {
      const answer = await post("sign-in/email", { json: { email: 5, password: PASSWORD } });
      refused(answer, 400, "VALIDATION_ERROR", /^\[body\.email\] /);
    });
    await it("with an empty password is 401", async () => {
      const answer = await post("sign-in/email", { json: { email, password: "" } });
      refused(answer, 401, "INVALID_EMAIL_OR_PASSWORD");
    });
    await it("with malformed JSON is 400", async () => {
      const answer = await post("sign-in/email", { body: "nonsense", headers: { "content-type": "application/json" } });
      refused(answer, 400, "BAD_REQUEST", "Invalid JSON in request body");
    });
    await it("with plain text is 415", async () => {
      const answer = await post("sign-in/email", { body: "hello", headers: { "content-type": "text/plain" } });
      refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    });
  });

  await scenario("cookie", async (it) => {
    const { email } = await newcomer();
    const { answer, signed } = await signIn(email);
    const cookie = answer.cookies[COOKIE];
    await it("has its name and attributes", async () => {
      const { httponly, samesite, path, secure, domain, "max-age": age } = cookie.attributes;
      same({ httponly, samesite, path, age }, { httponly: true, samesite: "Lax", path: "/", age: "604800" }, "attributes");
      same([secure, domain], [undefined, undefined], "Secure and Domain on http");
    });
    await it("is the token and its signature, URL-encoded", async () => {
      matches(decodeURIComponent(cookie.value), /^[^.]+\.[A-Za-z0-9+/]{43}=$/, "the value");
      same(cookie.value, encodeURIComponent(decodeURIComponent(cookie.value)), "its encoding");
    });
    await it("holds what set-auth-token holds", async () => {
      same(decodeURIComponent(cookie.value), signed, "its value");
    });
    if (env.BETTER_AUTH_SECRET) {
      await it("is signed with HMAC-SHA256 of the secret", async () => {
        const [token, signature] = signed.split(".");
        same(signature, createHmac("sha256", env.BETTER_AUTH_SECRET).update(token).digest("base64"), "signature");
      });
    }
    await it("comes with set-auth-token exposed", async () => {
      exposes(answer, "set-auth-token");
    });
    await it("of a remembered sign-in comes alone", async () => same(Object.keys(answer.cookies), [COOKIE], "cookies"));
    const brief = await signIn(email, PASSWORD, { rememberMe: false });
    await it("without rememberMe ends with the browser", async () => {
      const { attributes } = brief.answer.cookies[COOKIE];
      same([attributes["max-age"], attributes.expires], [undefined, undefined], "Max-Age and Expires");
      same([attributes.httponly, attributes.samesite, attributes.path], [true, "Lax", "/"], "the rest");
    });
    await it("without rememberMe comes with a signed dont_remember", async () => {
      const { value, attributes } = brief.answer.cookies[DONT_REMEMBER] ?? {};
      matches(decodeURIComponent(value ?? ""), /^true\.[A-Za-z0-9+/]{43}=$/, "the value");
      same([attributes["max-age"], attributes.httponly], [undefined, true], "Max-Age and HttpOnly");
    });
    await it("without rememberMe the session lasts a day, and get-session does not extend it", async () => {
      await alive({ cookie: brief.cookie });
      const { session } = await sessionOf({ cookie: brief.cookie });
      near(new Date(session.expiresAt), Date.now() + DAY, 10_000, "expiresAt");
    });
  });

  await scenario("get-session", async (it) => {
    const person = await newcomer();
    const { email } = person;
    const { cookie, token, signed, user } = await signIn(email);
    await it("by cookie gives the client session and user", async () => {
      const { data, error } = await person.client.getSession();
      same(error, null, "error");
      same(data.user, person.user, "user");
      const { id, token: handle, userId, expiresAt, createdAt, updatedAt, ipAddress, userAgent } = data.session;
      same(userId, person.user.id, "userId");
      same([id, handle, ipAddress, userAgent].map((value) => typeof value), Array(4).fill("string"), "types");
      near(expiresAt, Date.now() + 7 * DAY, 10_000, "expiresAt");
      near(createdAt, Date.now(), 10_000, "createdAt");
      near(updatedAt, Date.now(), 10_000, "updatedAt");
    });
    await it("spells dates with three fraction digits and Z", async () => {
      const body = await sessionOf({ cookie });
      spelledInstants(body.session);
      spelledInstants(body.user);
    });
    await it("by the signed token of set-auth-token", async () => {
      same((await sessionOf({ bearer: signed }))?.user, user, "user");
    });
    await it("by the signed token, URL-encoded", async () => {
      same((await sessionOf({ bearer: encodeURIComponent(signed) }))?.user, user, "user");
    });
    await it("by the token of the sign-in's body", async () => {
      same((await sessionOf({ bearer: token }))?.user, user, "user");
    });
    await it("takes the scheme in any case", async () => {
      same((await sessionOf({ headers: { authorization: `bEARER ${signed}` } }))?.user, user, "user");
    });
    await it("shows the same session for every credential of a sign-in", async () => {
      const ids = [];
      for (const credential of [{ cookie }, { bearer: signed }, { bearer: token }]) {
        ids.push((await sessionOf(credential)).session.id);
      }
      same(new Set(ids).size, 1, "number of sessions");
    });
    await it("knows the session's user agent", async () => {
      const headers = { "user-agent": "checks/1.0" };
      const answer = await post("sign-in/email", { json: { email, password: PASSWORD }, headers });
      same((await sessionOf({ bearer: answer.json.token })).session.userAgent, "checks/1.0", "userAgent");
    });
    await it("is not to be stored", async () => {
      for (const credential of [{ cookie }, {}]) {
        matches((await get("get-session", credential)).headers["cache-control"], /no-store/, "Cache-Control");
      }
    });
    await it("needs no origin, and minds no foreign one", async () => {
      for (const origin of [undefined, FOREIGN]) {
        same((await sessionOf({ cookie, origin }))?.user.id, user.id, "user");
      }
    });
    await it("works for the client with a bearer token alone", async () => {
      const { client, held } = holder();
      answered(await client.signIn.email({ email, password: PASSWORD }), 200);
      assert(held.token.includes("."), `set-auth-token is ${held.token}`);
      const { data } = await client.getSession();
      same(data?.user.email, email, "email");
    });
    await it("is null for nobody", async () => {
      await dead({}, "nobody");
      await nobody(browser().client);
    });
    for (const [what, credential] of [
      ["a cookie with a bad signature", { cookie: `${COOKIE}=${encodeURIComponent(spoilt(signed))}` }],
      ["a cookie without signature", { cookie: `${COOKIE}=${signed.split(".")[0]}` }],
      ["a cookie of nonsense", { cookie: `${COOKIE}=%E0%A4%A` }],
      ["a bearer token with a bad signature", { bearer: spoilt(signed) }],
      ["a bearer token cut short", { bearer: signed.slice(0, -6) }],
      ["an unknown bearer token", { bearer: "A".repeat(32) }],
      ["another scheme", { headers: { authorization: `Basic ${token}` } }],
      ["an empty bearer token", { headers: { authorization: "Bearer " } }],
    ]) {
      await it(`is null for ${what}`, () => dead(credential, what));
    }
    await it("of a revoked session is null and expires the cookie", async () => {
      const gone = await signIn(email);
      await post("sign-out", { bearer: gone.signed });
      await dead({ cookie: gone.cookie }, "the cookie");
      await dead({ bearer: gone.signed }, "the signed token");
      await dead({ bearer: gone.token }, "the token");
      const answer = await get("get-session", { cookie: gone.cookie });
      assert(isExpired(answer.cookies[COOKIE]), `cookies set: ${show(answer.cookies)}`);
    });
  });

  await scenario("sessions", async (it) => {
    const one = await newcomer();
    const two = await anotherBrowser(one.email);
    const three = await anotherBrowser(one.email);
    const stranger = await newcomer("Stranger");
    const handle = async (person) => (await person.client.getSession()).data?.session.token;
    await it("are listed, with dates and with the current one among them", async () => {
      const { data, error } = await one.client.listSessions();
      same(error, null, "error");
      same(data.length, 3, "number of sessions");
      same(new Set(data.map((session) => session.userId)).size, 1, "number of users");
      for (const person of [one, two, three]) {
        const own = await handle(person);
        assert(data.some(({ token }) => token === own), "a session's token is not in the list");
      }
      for (const session of data) {
        near(session.createdAt, Date.now(), 10_000, "createdAt");
        near(session.expiresAt, Date.now() + 7 * DAY, 10_000, "expiresAt");
      }
    });
    await it("have all their members in the list", async () => {
      const { json } = await get("list-sessions", { cookie: one.cookie() });
      const members = ["createdAt", "expiresAt", "id", "ipAddress", "token", "updatedAt", "userAgent", "userId"];
      for (const session of json) {
        same(members.filter((name) => typeof session[name] !== "string"), [], "members that are no strings");
      }
      spelledInstants(json);
    });
    for (const [method, path, json] of [
      ["GET", "list-sessions"],
      ["POST", "revoke-session", { token: "x" }],
      ["POST", "revoke-sessions", {}],
      ["POST", "revoke-other-sessions", {}],
    ]) {
      await it(`${path} is 401 for nobody`, async () => {
        refused(await raw(method, path, { json }), 401, "UNAUTHORIZED", "Unauthorized");
      });
    }
    await it("revoke-session without a token is VALIDATION_ERROR", async () => {
      const answer = await post("revoke-session", { json: {}, bearer: one.token });
      refused(answer, 400, "VALIDATION_ERROR", /^\[body\.token\] /);
    });
    await it("revoke-session of an unknown token is harmless", async () => {
      const result = await one.client.revokeSession({ token: "A".repeat(32) });
      answered(result, 200, { status: true });
      same((await one.client.listSessions()).data.length, 3, "number of sessions");
    });
    await it("revoke-session of somebody else's is harmless", async () => {
      const result = await one.client.revokeSession({ token: await handle(stranger) });
      answered(result, 200, { status: true });
      await alive({ cookie: stranger.cookie() }, "the stranger's session");
    });
    await it("revoke-session ends one of one's own", async () => {
      const cookie = two.cookie();
      const result = await one.client.revokeSession({ token: await handle(two) });
      answered(result, 200, { status: true });
      await dead({ cookie }, "the revoked session");
      await alive({ cookie: one.cookie() }, "the current session");
      await alive({ cookie: three.cookie() }, "the third session");
      same((await one.client.listSessions()).data.length, 2, "number of sessions");
    });
    await it("revoke-other-sessions ends all but the current one", async () => {
      const four = await signIn(one.email);
      answered(await one.client.revokeOtherSessions(), 200, { status: true });
      await dead({ cookie: three.cookie() }, "the third session");
      await dead({ bearer: four.token }, "the fourth session");
      await alive({ cookie: one.cookie() }, "the current session");
      await alive({ cookie: stranger.cookie() }, "the stranger's session");
    });
    await it("revoke-other-sessions takes a bearer token and no body", async () => {
      const kept = await signIn(one.email);
      answered(await post("revoke-other-sessions", { bearer: kept.signed }), 200, { status: true });
      await alive({ bearer: kept.signed }, "the current session");
      await dead({ cookie: one.cookie() }, "the other session");
    });
    await it("revoke-sessions ends all of them", async () => {
      const [five, six] = [await anotherBrowser(one.email), await signIn(one.email)];
      const cookie = five.cookie();
      answered(await five.client.revokeSessions(), 200, { status: true });
      await dead({ cookie }, "the current session");
      await dead({ bearer: six.token }, "the other session");
      await nobody(five.client);
      await alive({ cookie: stranger.cookie() }, "the stranger's session");
    });
    await it("a dead session lists nothing", async () => {
      refused(await get("list-sessions", { bearer: one.token }), 401, "UNAUTHORIZED");
    });
  });

  await scenario("change-password", async (it) => {
    const person = await newcomer();
    const { client, email } = person;
    const given = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
    await it("is 401 for nobody", async () => {
      refused(await post("change-password", { json: given }), 401, "UNAUTHORIZED", "Unauthorized");
    });
    await it("with a wrong current password is INVALID_PASSWORD", async () => {
      const result = await client.changePassword({ ...given, currentPassword: "not the password" });
      refused(result, 400, "INVALID_PASSWORD", "Invalid password");
    });
    await it("to a short one is PASSWORD_TOO_SHORT", async () => {
      const result = await client.changePassword({ ...given, newPassword: "1234567" });
      refused(result, 400, "PASSWORD_TOO_SHORT", "Password too short");
    });
    await it("to a long one is PASSWORD_TOO_LONG", async () => {
      const result = await client.changePassword({ ...given, newPassword: "x".repeat(129) });
      refused(result, 400, "PASSWORD_TOO_LONG", "Password too long");
    });
    await it("looks at the new password's length first", async () => {
      const result = await client.changePassword({ currentPassword: "not the password", newPassword: "1234567" });
      refused(result, 400, "PASSWORD_TOO_SHORT");
    });
    await it("without the current password is VALIDATION_ERROR", async () => {
      const result = await client.changePassword({ newPassword: OTHER_PASSWORD });
      refused(result, 400, "VALIDATION_ERROR", /^\[body\.currentPassword\] /);
    });
    await it("by a form is 415", async () => {
      const answer = await post("change-password", { form: given, bearer: person.token });
      refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    });
    await it("has changed nothing so far", async () => {
      answered(await browser().client.signIn.email({ email, password: PASSWORD }), 200);
    });
    await it("with revokeOtherSessions false answers the user and no token, and the others live on", async () => {
      const other = await anotherBrowser(email);
      const result = await client.changePassword({ ...given, revokeOtherSessions: false });
      answered(result, 200, { token: null });
      same(result.data.user.id, person.user.id, "user");
      await alive({ cookie: other.cookie() }, "the other session");
      await alive({ cookie: person.cookie() }, "the current session");
    });
    await it("has changed the password", async () => {
      const old = await browser().client.signIn.email({ email, password: PASSWORD });
      refused(old, 401, "INVALID_EMAIL_OR_PASSWORD");
      answered(await browser().client.signIn.email({ email, password: OTHER_PASSWORD }), 200);
    });
    await it("with revokeOtherSessions gives new credentials, and all old ones are dead", async () => {
      const other = await signIn(email, OTHER_PASSWORD);
      const old = await signIn(email, OTHER_PASSWORD);
      const answer = await post("change-password", {
        json: { currentPassword: OTHER_PASSWORD, newPassword: PASSWORD, revokeOtherSessions: true },
        bearer: old.signed,
      });
      answered(answer, 200);
      same(answer.json.user.id, person.user.id, "user");
      await dead({ bearer: old.signed }, "the old signed token");
      await dead({ bearer: old.token }, "the old token");
      await dead({ cookie: old.cookie }, "the old cookie");
      await dead({ cookie: other.cookie }, "the other session");
      await dead({ cookie: person.cookie() }, "the first session");
      await alive({ bearer: answer.json.token }, "the new token");
      await alive({ bearer: answer.headers["set-auth-token"] }, "the new signed token");
      await alive({ cookie: `${COOKIE}=${answer.cookies[COOKIE]?.value}` }, "the new cookie");
    });
    await it("with revokeOtherSessions leaves the client signed in", async () => {
      for (const [how, { client: mine }] of Object.entries({ cookie: browser(), bearer: holder() })) {
        answered(await mine.signIn.email({ email, password: PASSWORD }), 200);
        const change = { currentPassword: PASSWORD, newPassword: PASSWORD, revokeOtherSessions: true };
        answered(await mine.changePassword(change), 200);
        same((await mine.getSession()).data?.user.email, email, `the session's e-mail, by ${how}`);
      }
    });
  });

  await scenario("update-user", async (it) => {
    const { client, cookie, token, user } = await newcomer();
    const current = async () => (await client.getSession()).data.user;
    await it("is 401 for nobody", async () => {
      refused(await post("update-user", { json: { name: "X" } }), 401, "UNAUTHORIZED");
    });
    await it("changes the name", async () => {
      answered(await client.updateUser({ name: "Countess of Lovelace" }), 200, { status: true });
      same((await current()).name, "Countess of Lovelace", "name");
    });
    await it("moves updatedAt and nothing else", async () => {
      const { updatedAt, ...rest } = await current();
      near(updatedAt, Date.now(), 10_000, "updatedAt");
      assert(updatedAt.getTime() > user.updatedAt.getTime(), "updatedAt stands still");
      same([rest.createdAt, rest.email, rest.id], [user.createdAt, user.email, user.id], "the rest");
    });
    await it("sets the image, and keeps the name", async () => {
      answered(await client.updateUser({ image: "https://example.com/a.png" }), 200, { status: true });
      const { name, image } = await current();
      same([name, image], ["Countess of Lovelace", "https://example.com/a.png"], "name and image");
    });
    await it("clears the image with null", async () => {
      answered(await client.updateUser({ image: null }), 200, { status: true });
      same((await current()).image, null, "image");
    });
    await it("sends the cookie again", async () => {
      const answer = await post("update-user", { json: { name: "Ada" }, cookie: cookie(), origin: ORIGIN });
      answered(answer, 200, { status: true });
      same(answer.cookies[COOKIE]?.attributes["max-age"], "604800", "Max-Age");
      await alive({ cookie: `${COOKIE}=${answer.cookies[COOKIE]?.value}` });
    });
    await it("of the address is EMAIL_CAN_NOT_BE_UPDATED", async () => {
      const result = await client.updateUser({ email: address(), name: "Eve" });
      refused(result, 400, "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated");
      same((await current()).name, "Ada", "name");
    });
    await it("of nothing is refused", async () => {
      refused(await post("update-user", { json: {}, bearer: token }), 400, undefined, "No fields to update");
    });
    await it("of unknown members only is refused", async () => {
      const answer = await post("update-user", { json: { shoes: 2 }, bearer: token });
      refused(answer, 400, undefined, "No fields to update");
    });
    await it("of what nobody may set changes nothing", async () => {
      await post("update-user", { json: { name: "Ada", emailVerified: true, id: "1" }, bearer: token });
      const now = await current();
      same([now.emailVerified, now.id], [false, user.id], "emailVerified and id");
    });
  });

  await scenario("delete-user", async (it) => {
    const { client, cookie, email, user } = await newcomer();
    const other = await signIn(email);
    await it("is 401 for nobody", async () => {
      refused(await post("delete-user", { json: { password: PASSWORD } }), 401, "UNAUTHORIZED");
    });
    await it("with a wrong password is INVALID_PASSWORD", async () => {
      const result = await client.deleteUser({ password: "not the password" });
      refused(result, 400, "INVALID_PASSWORD", "Invalid password");
      await alive({ cookie: cookie() });
    });
    const before = cookie();
    await it("with the password deletes and expires the cookie", async () => {
      const answer = await post("delete-user", { json: { password: PASSWORD }, cookie: before, origin: ORIGIN });
      answered(answer, 200, { success: true, message: "User deleted" });
      assert(isExpired(answer.cookies[COOKIE]), `cookies set: ${show(answer.cookies)}`);
    });
    await it("ends every session", async () => {
      await dead({ cookie: before }, "the current session");
      await dead({ bearer: other.signed }, "the other session");
      await dead({ bearer: other.token }, "the other session's token");
      await nobody(client);
    });
    await it("closes the account", async () => {
      const result = await browser().client.signIn.email({ email, password: PASSWORD });
      refused(result, 401, "INVALID_EMAIL_OR_PASSWORD");
    });
    await it("frees the address", async () => {
      const result = await browser().client.signUp.email({ name: "Next", email, password: PASSWORD });
      answered(result, 200);
      assert.notEqual(result.data.user.id, user.id);
    });
    await it("works through the client", async () => {
      const next = await newcomer();
      answered(await next.client.deleteUser({ password: PASSWORD }), 200, { success: true });
      await nobody(next.client);
    });
  });

  await scenario("password reset", async (it) => {
    const person = await newcomer();
    const { email } = person;
    const redirectTo = `${ORIGIN}/reset?from=mail`;
    const message = "If this email exists in our system, check your email for the reset link";
    const token = await it("is mailed, and the link leads to redirectTo with a token", async () => {
      const offset = mailed();
      const result = await browser().client.requestPasswordReset({ email, redirectTo });
      answered(result, 200, { status: true, message });
      const link = await resetLink(email, offset);
      assert(link.startsWith(`${BASE_URL}/api/auth/reset-password/`), link);
      same(new URL(link).searchParams.get("callbackURL"), redirectTo, "callbackURL");
      const followed = await get(link);
      same(followed.status, 302, "status");
      const target = new URL(followed.headers.location);
      same([target.origin, target.pathname, target.searchParams.get("from")], [ORIGIN, "/reset", "mail"], "location");
      const mailedToken = new URL(link).pathname.split("/").pop();
      same(target.searchParams.get("token"), mailedToken, "token");
      return mailedToken;
    });
    await it("of an unknown address is answered alike, and nothing is mailed", async () => {
      const offset = mailed();
      answered(await post("request-password-reset", { json: { email: address() } }), 200, { status: true, message });
      await sleep(500);
      same(mailed(), offset, "size of the mails");
    });
    await it("takes the address in capitals", async () => {
      const offset = mailed();
      answered(await post("request-password-reset", { json: { email: email.toUpperCase() } }), 200, { status: true });
      await resetLink(email, offset);
    });
    await it("of no address is VALIDATION_ERROR", async () => {
      const answer = await post("request-password-reset", { json: { email: "nobody" } });
      refused(answer, 400, "VALIDATION_ERROR", /^\[body\.email\] /);
    });
    for (const foreign of [`${FOREIGN}/x`, "//evil.example/x"]) {
      await it(`with the redirectTo ${foreign} is INVALID_REDIRECT_URL`, async () => {
        const result = await browser().client.requestPasswordReset({ email, redirectTo: foreign });
        refused(result, 403, "INVALID_REDIRECT_URL", "Invalid redirectURL");
      });
    }
    await it("with a relative redirectTo leads there", async () => {
      const offset = mailed();
      answered(await post("request-password-reset", { json: { email, redirectTo: "/reset" } }), 200, { status: true });
      const link = await resetLink(email, offset);
      same(new URL(link).searchParams.get("callbackURL"), "/reset", "callbackURL");
      const followed = await get(link);
      same(followed.status, 302, "status");
      const target = new URL(followed.headers.location, BASE_URL);
      same(target.origin + target.pathname, `${OWN_ORIGIN}/reset`, "location");
      assert(target.searchParams.get("token"), "there is no token");
    });
    await it("with a link that is not ours leads to an error", async () => {
      const followed = await get(`reset-password/${"A".repeat(24)}?callbackURL=${encodeURIComponent(redirectTo)}`);
      same(followed.status, 302, "status");
      same(followed.headers.location, `${redirectTo}&error=INVALID_TOKEN`, "location");
    });
    await it("with a link whose callbackURL is foreign leads nowhere", async () => {
      const followed = await get(`reset-password/${token}?callbackURL=${encodeURIComponent(`${FOREIGN}/x`)}`);
      refused(followed, 403, "INVALID_CALLBACK_URL");
      same(followed.headers.location, undefined, "location");
    });
    await it("to a short password is PASSWORD_TOO_SHORT, and the token lives", async () => {
      const result = await browser().client.resetPassword({ newPassword: "1234567", token });
      refused(result, 400, "PASSWORD_TOO_SHORT", "Password too short");
    });
    await it("to a long password is PASSWORD_TOO_LONG, and the token lives", async () => {
      const result = await browser().client.resetPassword({ newPassword: "x".repeat(129), token });
      refused(result, 400, "PASSWORD_TOO_LONG", "Password too long");
    });
    await it("works once", async () => {
      answered(await browser().client.resetPassword({ newPassword: OTHER_PASSWORD, token }), 200, { status: true });
    });
    await it("does not work twice", async () => {
      const result = await browser().client.resetPassword({ newPassword: PASSWORD, token });
      refused(result, 400, "INVALID_TOKEN", "Invalid token");
    });
    await it("ends the sessions", () => dead({ cookie: person.cookie() }));
    await it("refuses the old password and takes the new one", async () => {
      const old = await browser().client.signIn.email({ email, password: PASSWORD });
      refused(old, 401, "INVALID_EMAIL_OR_PASSWORD");
      answered(await browser().client.signIn.email({ email, password: OTHER_PASSWORD }), 200);
    });
    await it("with an unknown token, or with none, is INVALID_TOKEN", async () => {
      for (const extra of [{ token: "A".repeat(24) }, {}]) {
        const answer = await post("reset-password", { json: { newPassword: PASSWORD, ...extra } });
        refused(answer, 400, "INVALID_TOKEN", "Invalid token");
      }
    });
    await it("takes the token from the query too", async () => {
      const another = await resetToken(email);
      const answer = await post(`reset-password?token=${another}`, { json: { newPassword: PASSWORD } });
      answered(answer, 200, { status: true });
    });
    await it("of one token by ten at once works for one", async () => {
      const another = await resetToken(email);
      const attempts = Array.from({ length: 10 }, () =>
        post("reset-password", { json: { newPassword: OTHER_PASSWORD, token: another } }),
      );
      const statuses = (await Promise.all(attempts)).map(({ status }) => status).sort();
      same(statuses, [200, ...Array(9).fill(400)], "statuses");
    });
  });

  await scenario("sign-out", async (it) => {
    const person = await newcomer();
    const other = await signIn(person.email);
    const before = person.cookie();
    await it("through the client ends the session", async () => {
      answered(await person.client.signOut(), 200, { success: true });
      await nobody(person.client);
      same(person.jar, {}, "cookies that are left");
      await dead({ cookie: before });
    });
    await it("ends the presented session only", () => alive({ cookie: other.cookie }, "the other session"));
    await it("expires the cookies, with and without rememberMe", async () => {
      for (const rememberMe of [true, false]) {
        const { cookie } = await signIn(person.email, PASSWORD, { rememberMe });
        const answer = await post("sign-out", { json: {}, cookie, origin: ORIGIN });
        answered(answer, 200, { success: true });
        assert(isExpired(answer.cookies[COOKIE]), `cookies set: ${show(answer.cookies)}`);
        assert(isExpired(answer.cookies[DONT_REMEMBER]), `cookies set: ${show(answer.cookies)}`);
        same(answer.headers["set-auth-token"], undefined, "set-auth-token");
        await dead({ cookie });
      }
    });
    await it("takes a bearer token and no body", async () => {
      answered(await post("sign-out", { bearer: other.signed }), 200, { success: true });
      await dead({ bearer: other.signed });
      await dead({ cookie: other.cookie }, "its cookie");
    });
    await it("works for the client with a bearer token", async () => {
      const { client } = holder();
      answered(await client.signIn.email({ email: person.email, password: PASSWORD }), 200);
      answered(await client.signOut(), 200, { success: true });
      await nobody(client);
    });
    await it("is a success for nobody, and twice", async () => {
      answered(await post("sign-out", {}), 200, { success: true });
      answered(await post("sign-out", { json: {} }), 200, { success: true });
      answered(await post("sign-out", { bearer: other.signed }), 200, { success: true });
      answered(await person.client.signOut(), 200, { success: true });
    });
  });

  await scenario("jwt", async (it) => {
    const person = await newcomer();
    const { signed, user } = await signIn(person.email);
    const token = await it("comes from /token by cookie and verifies by the JWKS", async () => {
      const { data, error } = await person.client.token();
      same(error, null, "error");
      await verified(data.token, user);
      return data.token;
    });
    await it("comes from /token by bearer", async () => {
      await verified((await get("token", { bearer: signed })).json.token, user);
    });
    await it("carries the user's fields", async () => {
      const claims = part(token, 1);
      const { id, email, name, emailVerified } = user;
      same(pick(claims, { id, email, name, emailVerified }), { id, email, name, emailVerified }, "claims");
    });
    await it("is refused to nobody", async () => refused(await get("token"), 401, "UNAUTHORIZED", "Unauthorized"));
    await it("is no session", () => dead({ bearer: token }, "a JWT of /token"));
    await it("does not verify with a changed payload", async () => {
      const [head, , signature] = token.split(".");
      const forged = Buffer.from(JSON.stringify({ ...part(token, 1), sub: "somebody" })).toString("base64url");
      await assert.rejects(verified(`${head}.${forged}.${signature}`, { id: "somebody" }), /does not verify/);
    });
    await it("comes in set-auth-jwt of get-session, exposed", async () => {
      const answer = await get("get-session", { bearer: signed });
      exposes(answer, "set-auth-jwt");
      await verified(answer.headers["set-auth-jwt"], user);
    });
    await it("does not come for nobody", async () => {
      const answer = await get("get-session");
      same([answer.status, answer.headers["set-auth-jwt"]], [200, undefined], "status and set-auth-jwt");
    });
    await it("has a JWKS of public Ed25519 keys", async () => {
      const answer = await get("jwks");
      answered(answer, 200);
      assert(answer.json.keys.length > 0, "there are no keys");
      for (const key of answer.json.keys) {
        same([key.kty, key.crv, key.alg], ["OKP", "Ed25519", "EdDSA"], "kty, crv, alg");
        same([typeof key.kid, typeof key.x, "d" in key], ["string", "string", false], "kid, x, d");
      }
    });
    await it("has a JWKS that the client reads", async () => {
      const { data } = await browser().client.jwks();
      same(data.keys[0].kty, "OKP", "kty");
    });
    await it("is not given after sign-out", async () => {
      const gone = await signIn(person.email);
      await post("sign-out", { bearer: gone.signed });
      refused(await get("token", { bearer: gone.signed }), 401, "UNAUTHORIZED");
    });
  });

  await scenario("origin", async (it) => {
    const { email } = await newcomer();
    const { cookie, signed, token } = await signIn(email);
    const credentials = { email, password: PASSWORD };
    const update = (options) => post("update-user", { json: { name: "Ada" }, ...options });
    await it("with a cookie must be there", async () => {
      refused(await update({ cookie }), 403, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin");
    });
    await it("with a cookie must not be null", async () => {
      refused(await update({ cookie, origin: "null" }), 403, "MISSING_OR_NULL_ORIGIN");
    });
    for (const origin of [FOREIGN, `${ORIGIN}.evil.example`, `${OWN_ORIGIN}0`, ORIGIN.replace("http:", "https:")]) {
      await it(`${origin.replace(OWN_ORIGIN, "<base>")} with a cookie is INVALID_ORIGIN`, async () => {
        refused(await update({ cookie, origin }), 403, "INVALID_ORIGIN", "Invalid origin");
      });
    }
    await it("with a cookie may be the server's own or a trusted one", async () => {
      answered(await update({ cookie, origin: OWN_ORIGIN }), 200, { status: true });
      answered(await update({ cookie, origin: ORIGIN }), 200, { status: true });
    });
    await it("may be told by the Referer", async () => {
      answered(await update({ cookie, headers: { referer: `${ORIGIN}/settings` } }), 200, { status: true });
      refused(await update({ cookie, headers: { referer: `${FOREIGN}/x` } }), 403, "INVALID_ORIGIN");
    });
    await it("is asked for beside any cookie, also with a bearer token", async () => {
      refused(await update({ cookie: "theme=dark", bearer: signed, origin: FOREIGN }), 403, "INVALID_ORIGIN");
    });
    await it("is asked for at sign-out too, and the session lives", async () => {
      refused(await post("sign-out", { json: {}, cookie, origin: FOREIGN }), 403, "INVALID_ORIGIN");
      refused(await post("sign-out", { json: {}, cookie }), 403, "MISSING_OR_NULL_ORIGIN");
      await alive({ cookie });
    });
    await it("does not matter to a bearer token", async () => {
      for (const bearer of [signed, token]) {
        answered(await update({ bearer, origin: FOREIGN }), 200, { status: true });
        answered(await update({ bearer, origin: "null" }), 200, { status: true });
        answered(await update({ bearer }), 200, { status: true });
      }
    });
    await it("is not asked for at sign-in from the command line", async () => {
      answered(await post("sign-in/email", { json: credentials }), 200);
      answered(await post("sign-in/email", { form: credentials }), 200);
    });
    await it("foreign is refused at sign-in without a cookie too", async () => {
      refused(await post("sign-in/email", { json: credentials, origin: FOREIGN }), 403, "INVALID_ORIGIN");
      refused(await post("sign-in/email", { form: credentials, origin: FOREIGN }), 403, "INVALID_ORIGIN");
      const beside = await post("sign-in/email", { json: credentials, bearer: signed, origin: FOREIGN });
      refused(beside, 403, "INVALID_ORIGIN");
    });
    await it("is asked for at sign-in as soon as there is a Sec-Fetch header", async () => {
      const headers = { "sec-fetch-mode": "cors" };
      refused(await post("sign-in/email", { json: credentials, headers }), 403, "MISSING_OR_NULL_ORIGIN");
      answered(await post("sign-in/email", { json: credentials, headers, origin: ORIGIN }), 200);
    });
    await it("cannot help a sign-in by cross-site navigation", async () => {
      const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
      for (const path of ["sign-in/email", "sign-up/email"]) {
        for (const origin of [FOREIGN, ORIGIN, undefined]) {
          const answer = await post(path, { form: { ...credentials, name: "Ada" }, headers, origin });
          refused(answer, 403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
          same(answer.cookies, {}, "cookies");
        }
      }
    });
  });

  await scenario("routes", async (it) => {
    await it("GET /ok is ok", async () => {
      const answer = await get("ok");
      answered(answer, 200);
      same(answer.json, { ok: true }, "body");
    });
    for (const [method, path] of [
      ["GET", "nothing"],
      ["POST", "nothing"],
      ["GET", ""],
      ["GET", "sign-in/email"],
      ["GET", "sign-out"],
      ["PUT", "update-user"],
      ["POST", "list-sessions"],
      ["DELETE", "get-session"],
      ["POST", "jwks"],
      ["GET", "get-session/"],
      ["POST", "sign-in/email/"],
      ["POST", "sign-out/"],
      ["POST", "sign-in"],
      ["GET", "Get-Session"],
    ]) {
      await it(`${method} /api/auth/${path} is 404 and empty`, async () => {
        const answer = await raw(method, path, method === "POST" ? { json: {} } : {});
        same([answer.status, answer.text], [404, ""], "status and body");
      });
    }
    await it("unknown to the client are an error of status 404", async () => {
      const { data, error } = await browser().client.$fetch("/nothing");
      same([data, error?.status], [null, 404], "data and status");
    });
  });
}

// --- What this service adds ------------------------------------------------------------------------------------------

const tasks = (user, credential) => get(`/api/${user.id}/tasks`, credential);

async function opens(user, credential, what) {
  const answer = await tasks(user, credential);
  same(answer.status, 200, `status of the tasks for ${what}`);
  assert(Array.isArray(answer.json), `tasks are ${answer.text}`);
}

/** Six times, so that every worker is asked. */
async function opensNothing(user, credential, what) {
  for (let attempt = 0; attempt < 6; attempt += 1) {
    const answer = await tasks(user, credential);
    same(answer.status, 401, `status of the tasks for ${what}`);
    matches(answer.headers["www-authenticate"], /^Bearer\b/, "WWW-Authenticate");
    same(typeof answer.json?.detail, "string", "type of detail");
  }
}

const refresh = (refresh_token, how = "json") => post("refresh", { [how]: { refresh_token } });

/** The answer is that of a sign-in: the user and every credential. */
function signedIn(answer, user) {
  answered(answer, 200, { token_type: "bearer", redirect: false });
  same(answer.json.user.id, user.id, "user");
  same(answer.json.token.split(".").length, 3, "parts of the token");
  same(answer.json.refresh_token.split(".").length, 3, "parts of the refresh token");
  assert(answer.json.expires_in > 0, `expires_in is ${answer.json.expires_in}`);
}

/** Every credential of the sign-in is dead, on tasks and on the session. */
async function allDead({ user, cookie, token, signed, answer }) {
  await opensNothing(user, { bearer: token }, "the JWT");
  await opensNothing(user, { bearer: signed }, "the opaque token");
  for (const [what, credential] of [
    ["the JWT", { bearer: token }],
    ["the opaque token", { bearer: signed }],
    ["the cookie", { cookie }],
  ]) {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await dead(credential, what);
    }
  }
  same((await refresh(answer.json.refresh_token)).status, 401, "status of the refresh");
}

async function thisService() {
  // What must wait begins first, and is looked at last.
  const title = "refresh, late";
  const late = (async () => {
    if (env.ONLY && !title.includes(env.ONLY)) {
      return undefined;
    }
    const { email } = await newcomer();
    const first = await signIn(email);
    const second = (await refresh(first.answer.json.refresh_token)).json;
    const third = (await refresh(second.refresh_token)).json;
    await tasks(first.user, { bearer: third.token });
    await sleep((Number(env.GRACE || 10) + 1) * 1_000);
    return { first, second, third, reused: await refresh(first.answer.json.refresh_token) };
  })();
  late.catch(() => {}); // it is awaited, and reported, below

  await scenario("credentials", async (it) => {
    const { email } = await newcomer();
    const { answer, cookie, token, signed, user } = await signIn(email);
    await it("come with the sign-in's body, by JSON and by form", async () => {
      signedIn(answer, user);
      signedIn(await post("sign-in/email", { form: { email, password: PASSWORD } }), user);
    });
    await it("reach the client, refresh_token and all", async () => {
      const { data } = await browser().client.signIn.email({ email, password: PASSWORD });
      same([typeof data?.refresh_token, data?.token_type], ["string", "bearer"], "refresh_token and token_type");
    });
    await it("JWT opens the tasks", () => opens(user, { bearer: token }, "the JWT"));
    await it("set-auth-token opens the tasks, also URL-encoded", async () => {
      await opens(user, { bearer: signed }, "the opaque token");
      await opens(user, { bearer: encodeURIComponent(signed) }, "the opaque token, URL-encoded");
    });
    await it("set-auth-token with a bad signature opens nothing", () =>
      opensNothing(user, { bearer: spoilt(signed) }, "a bad signature"));
    await it("refresh token opens nothing and is no session", async () => {
      await opensNothing(user, { bearer: answer.json.refresh_token }, "the refresh token");
      await dead({ bearer: answer.json.refresh_token }, "the refresh token");
    });
    await it("cookie opens auth routes only", async () => {
      await alive({ cookie });
      await opensNothing(user, { cookie, origin: ORIGIN }, "the cookie");
    });
    await it("open nobody else's tasks", async () => {
      const other = await newcomer();
      for (const bearer of [token, signed]) {
        same((await tasks(other.user, { bearer })).status, 403, "status");
      }
    });
    await it("are not to be stored", async () => matches(answer.headers["cache-control"], /no-store/, "Cache-Control"));
  });

  await scenario("refresh", async (it) => {
    const { email } = await newcomer();
    const { answer, token, signed, user } = await signIn(email);
    for (const how of ["json", "form"]) {
      await it(`by ${how} answers the sign-in body with new tokens, and they open the tasks`, async () => {
        const { answer: before } = await signIn(email);
        const renewed = await refresh(before.json.refresh_token, how);
        signedIn(renewed, user);
        assert.notEqual(renewed.json.token, before.json.token);
        assert.notEqual(renewed.json.refresh_token, before.json.refresh_token);
        await opens(user, { bearer: renewed.json.token }, "the new JWT");
        await alive({ bearer: renewed.json.token }, "the new JWT");
        signedIn(await refresh(renewed.json.refresh_token), user);
      });
    }
    await it("works through the client", async () => {
      const { client } = holder();
      const { data: before } = await client.signIn.email({ email, password: PASSWORD });
      const body = { refresh_token: before.refresh_token };
      const { data: after } = await client.$fetch("/refresh", { method: "POST", body });
      same([after?.user.id, after?.token_type], [user.id, "bearer"], "user and token_type");
      same((await client.getSession()).data?.user.id, user.id, "the session's user");
    });
    await it("keeps the session", async () => {
      const { answer: before } = await signIn(email);
      const renewed = await refresh(before.json.refresh_token);
      const ids = [before.json.token, renewed.json.token].map(async (bearer) => (await sessionOf({ bearer })).session.id);
      same(new Set(await Promise.all(ids)).size, 1, "number of sessions");
    });
    for (const [what, credential] of [
      ["the access token", token],
      ["the opaque token", signed],
      ["nonsense", "nonsense"],
      ["a bad signature", spoilt(answer.json.refresh_token)],
    ]) {
      await it(`by ${what} is 401`, async () => {
        const refusal = await refresh(credential);
        same(refusal.status, 401, "status");
        matches(refusal.headers["www-authenticate"], /^Bearer\b/, "WWW-Authenticate");
      });
    }
    await it("of one token by 20 at once ends well", async () => {
      const { answer: before } = await signIn(email);
      const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(before.json.refresh_token)));
      const statuses = answers.map(({ status }) => status);
      same(statuses.filter((status) => status !== 200 && status !== 401), [], "odd statuses");
      const good = answers.filter(({ status }) => status === 200);
      assert(good.length > 0, "none was answered");
      await opens(user, { bearer: good.at(-1).json.token }, "a new JWT");
    });
  });

  await scenario("the end of a session", async (it) => {
    const { email } = await newcomer();
    for (const [what, by] of [
      ["JWT", ({ token }) => ({ bearer: token })],
      ["opaque token", ({ signed }) => ({ bearer: signed })],
      ["cookie", ({ cookie }) => ({ cookie, origin: ORIGIN })],
    ]) {
      await it(`by a sign-out with the ${what} reaches every credential at once`, async () => {
        const credentials = await signIn(email);
        await opens(credentials.user, { bearer: credentials.token }, "the JWT");
        answered(await post("sign-out", { json: {}, ...by(credentials) }), 200, { success: true });
        await allDead(credentials);
      });
    }
    await it("by revoke-session reaches every credential at once", async () => {
      const [mine, other] = [await signIn(email), await signIn(email)];
      const { session } = await sessionOf({ bearer: other.token });
      const answer = await post("revoke-session", { json: { token: session.token }, bearer: mine.token });
      answered(answer, 200, { status: true });
      await allDead(other);
      await opens(mine.user, { bearer: mine.token }, "the session that revoked it");
    });
    await it("by change-password reaches every credential at once, and the new token opens the tasks", async () => {
      const [mine, other] = [await signIn(email), await signIn(email)];
      const json = { currentPassword: PASSWORD, newPassword: PASSWORD, revokeOtherSessions: true };
      const changed = await post("change-password", { json, bearer: mine.token });
      answered(changed, 200);
      await allDead(mine);
      await allDead(other);
      await opens(mine.user, { bearer: changed.json.token }, "the new token");
      await opens(mine.user, { bearer: changed.headers["set-auth-token"] }, "the new opaque token");
    });
    await it("by a password reset reaches every credential at once", async () => {
      const credentials = await signIn(email);
      const token = await resetToken(email);
      answered(await post("reset-password", { json: { newPassword: PASSWORD, token } }), 200, { status: true });
      await allDead(credentials);
    });
    await it("by revoke-sessions reaches every credential at once", async () => {
      const credentials = await signIn(email);
      answered(await post("revoke-sessions", { bearer: credentials.signed }), 200, { status: true });
      await allDead(credentials);
    });
    await it("by delete-user reaches every credential at once", async () => {
      const [mine, other] = [await signIn(email), await signIn(email)];
      answered(await post("delete-user", { json: { password: PASSWORD }, bearer: mine.token }), 200, { success: true });
      await allDead(mine);
      await allDead(other);
    });
  });

  await scenario("web page", async (it) => {
    const { email } = await newcomer();
    const { signed } = await signIn(email);
    await it("of a trusted origin may read the answers and the tokens' headers", async () => {
      const answer = await get("get-session", { bearer: signed, origin: ORIGIN });
      const { headers } = answer;
      same(headers["access-control-allow-origin"], ORIGIN, "Access-Control-Allow-Origin");
      same(headers["access-control-allow-credentials"], "true", "Access-Control-Allow-Credentials");
      exposes(answer, "set-auth-token");
      exposes(answer, "set-auth-jwt");
    });
    await it("of a foreign origin may read nothing", async () => {
      const { headers } = await get("get-session", { bearer: signed, origin: FOREIGN });
      same(headers["access-control-allow-origin"], undefined, "Access-Control-Allow-Origin");
    });
    await it("is told an error's code, message and detail", async () => {
      const { json } = await post("sign-in/email", { json: { email, password: OTHER_PASSWORD }, origin: ORIGIN });
      same([json.code, json.detail], ["INVALID_EMAIL_OR_PASSWORD", "Invalid credentials"], "code and detail");
      same(json.message, "Invalid email or password", "message");
    });
  });

  await scenario(title, async (it) => {
    const { first, second, third, reused } = await late;
    await it("by a token used before is 401", async () => same(reused.status, 401, "status"));
    await it("by a token used before ends the session with all its credentials", async () => {
      for (const { token } of [first, second, third]) {
        await opensNothing(first.user, { bearer: token }, "a JWT");
      }
      await opensNothing(first.user, { bearer: first.signed }, "the opaque token");
      await dead({ cookie: first.cookie }, "the cookie");
      same((await refresh(third.refresh_token)).status, 401, "status of the newest refresh token");
    });
  });
}

await everyServer();
if (env.OURS) {
  await thisService();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
