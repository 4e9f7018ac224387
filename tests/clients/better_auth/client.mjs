// Checks a server with the unmodified client of Better Auth, and prints the result of each check.
//
//   BASE_URL=http://localhost:8000 MAILS=/tmp/mails node client.mjs               what every Better Auth server does
//   EXTENSIONS=1 BASE_URL=http://localhost:8000 MAILS=/tmp/mails node client.mjs  and what this service adds
//
// BASE_URL             the server's public URL, which may also be the first argument
// MAILS                the file to which the server appends its mails
// ORIGIN               a trusted origin other than BASE_URL's, that of the front end (default http://localhost:3000)
// BETTER_AUTH_SECRET   the server's secret, for checking the signature of the cookie
// ONLY                 a part of the titles of the scenarios to run
// REQUIRE_EMAIL_VERIFICATION   true if the server requires a verified e-mail address: other scenarios
// GRACE                the seconds of REFRESH_TOKEN_GRACE_SECONDS (default 10)
//
// The server's rate limits must be off. Prints `ok - name` or `not ok - name: why`, then `N passed, N failed`, and exits
// with 1 if a check failed. A check that fails against server.mjs, a real Better Auth server, is wrong.

import assert from "node:assert/strict";
import { createHmac, createPublicKey, randomBytes, verify } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { apiKeyClient } from "@better-auth/api-key/client";
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

/** Run a check, and return its value for the checks that follow. */
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

/** Run checks that depend on each other. An exception between them is a failure too. */
async function scenario(title, steps) {
  if (env.ONLY && !title.includes(env.ONLY)) {
    return;
  }
  try {
    await steps((name, claim) => check(`${title}: ${name}`, claim));
  } catch (error) {
    report(`${title}: runs to its end`, error);
  }
}

const show = (value) => JSON.stringify(value) ?? String(value);

function assertEqual(actual, expected, name) {
  if (!isDeepStrictEqual(actual, expected)) {
    throw new Error(`${name} is ${show(actual)}, not ${show(expected)}`);
  }
}

/** Assert that a text, which may be undefined, matches. */
function assertMatches(text, pattern, name) {
  assert(pattern.test(text ?? ""), `${name} is ${show(text)}, which does not match ${pattern}`);
}

/** Assert that a response, of `send` or of the client, is this error. */
function assertError(response, status, code, message) {
  const isOfClient = "error" in response;
  assert(!isOfClient || response.error, `the response is no error: ${show(response.data)}`);
  const body = (isOfClient ? response.error : response.json) ?? {};
  assertEqual(isOfClient ? body.status : response.status, status, "status");
  if (code) {
    assertEqual(body.code, code, "code");
  }
  if (message instanceof RegExp) {
    assertMatches(body.message, message, "message");
  } else if (message) {
    assertEqual(body.message, message, "message");
  }
  assert.equal(typeof body.message, "string", `message is ${show(body.message)}`);
  if (response.headers) {
    assertMatches(response.headers["content-type"], /^application\/(problem\+)?json\b/, "Content-Type");
  }
}

/** Assert that a response has this status, and its body these members. */
function assertStatus(response, status, members = {}) {
  if ("status" in response) {
    assertEqual(response.status, status, `status (body ${response.text.slice(0, 120)})`);
    assertEqual(pick(response.json, members), members, "body");
  } else {
    assertEqual(response.error, null, "error");
    assertEqual(pick(response.data, members), members, "data");
  }
}

const pick = (object, expected) => Object.fromEntries(Object.keys(expected).map((name) => [name, object?.[name]]));

function assertExposed({ headers }, name) {
  const listed = (headers["access-control-expose-headers"] ?? "").toLowerCase().split(/\s*,\s*/);
  assert(listed.includes(name), `Access-Control-Expose-Headers lists ${show(listed)}, not ${name}`);
}

function assertNear(date, expected, tolerance, name) {
  assert(date instanceof Date, `${name} is ${show(date)}, no Date`);
  const difference = date.getTime() - expected;
  assert(Math.abs(difference) <= tolerance, `${name} is ${difference / 1000} s off`);
}

// --- Requests without the client -------------------------------------------------------------------------------------

/** Send a request to a path below /api/auth, or below the root if it starts with a slash. Follow no redirect. */
function send(method, path, { json, form, body, cookie, bearer, origin, headers = {} } = {}) {
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
    // A connection of its own: a reused one may be closed by the server at the moment at which the request is sent.
    const outgoing = request(url, { agent: false, method, headers: sent, timeout: 20_000 }, (incoming) => {
      const chunks = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: incoming.statusCode,
          headers: incoming.headers,
          cookies: parseSetCookies(incoming.headers["set-cookie"] ?? []),
          text,
          json: parseJson(text),
        });
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${method} ${path} has no response`)));
    outgoing.on("error", reject);
    outgoing.end(payload);
  });
}

const get = (path, options) => send("GET", path, options);
const post = (path, options) => send("POST", path, options);

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Parse Set-Cookie headers into {name: {value, attributes}}. The names of attributes are in lower case. */
function parseSetCookies(lines) {
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

/** Change one character in the middle, which no unused bit of base64 can hide. */
function corrupted(text) {
  const at = text.lastIndexOf(".") + 8;
  return text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
}

// --- Users with the real client --------------------------------------------------------------------------------------

const newEmail = () => `${randomBytes(8).toString("hex")}@example.com`;

/** Return a client that stores cookies, as in a browser. */
function browser(origin = ORIGIN) {
  const jar = {};
  const seen = {};
  const customFetchImpl = async (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("origin", origin);
    if (Object.keys(jar).length > 0) {
      headers.set("cookie", cookieHeader(jar));
    }
    const response = await fetch(input, { ...init, headers });
    for (const [name, { value, attributes }] of Object.entries(parseSetCookies(response.headers.getSetCookie()))) {
      if (attributes["max-age"] === "0") {
        delete jar[name];
      } else {
        jar[name] = value;
      }
    }
    Object.assign(seen, { status: response.status, headers: response.headers, url: String(input) });
    return response;
  };
  const plugins = [jwtClient(), apiKeyClient()];
  const client = createAuthClient({ baseURL: BASE_URL, plugins, fetchOptions: { customFetchImpl } });
  return { client, jar, seen, cookie: () => cookieHeader(jar) };
}

const cookieHeader = (jar) => Object.entries(jar).map(([name, value]) => `${name}=${value}`).join("; ");

/** Return a client that sends the token of `set-auth-token`, as Better Auth's bearer plugin does, and no cookies. */
function bearerClient() {
  const store = { token: "" };
  const client = createAuthClient({
    baseURL: BASE_URL,
    plugins: [jwtClient()],
    fetchOptions: {
      headers: { origin: ORIGIN },
      auth: { type: "Bearer", token: () => store.token },
      onSuccess: ({ response }) => {
        store.token = response.headers.get("set-auth-token") || store.token;
      },
    },
  });
  return { client, store };
}

/** Create an account in a browser. */
async function signUp(name = "Ada Lovelace") {
  const email = newEmail();
  const visitor = browser();
  const { data, error } = await visitor.client.signUp.email({ name, email, password: PASSWORD });
  assert.equal(error, null, `sign-up failed: ${show(error)}`);
  return { ...visitor, email, user: data.user, token: data.token };
}

/** Create one more session, and return its three credentials and the response. */
async function signIn(email, password = PASSWORD, extra = {}) {
  const response = await post("sign-in/email", { json: { email, password, ...extra } });
  assertEqual(response.status, 200, `status of the sign-in (${response.text.slice(0, 120)})`);
  const pairs = Object.entries(response.cookies).map(([name, { value }]) => [name, value]);
  const cookie = cookieHeader(Object.fromEntries(pairs));
  return {
    response,
    cookie,
    token: response.json.token,
    signed: response.headers["set-auth-token"],
    user: response.json.user,
  };
}

async function signInBrowser(email, password = PASSWORD) {
  const visitor = browser();
  const { error } = await visitor.client.signIn.email({ email, password });
  assert.equal(error, null, `sign-in failed: ${show(error)}`);
  return visitor;
}

const sessionOf = async (credential) => (await get("get-session", credential)).json;

async function assertSession(credential, name = "the session") {
  const response = await get("get-session", credential);
  assert(response.json?.session, `${name} has ended: ${response.status} ${response.text.slice(0, 120)}`);
}

async function assertNoSession(credential, name = "the session") {
  const response = await get("get-session", credential);
  assertEqual(response.status, 200, `status of get-session for ${name}`);
  assertEqual(response.text, "null", `get-session for ${name}`);
}

/** Assert that the client has no session and no error. */
async function assertSignedOut(client) {
  assertEqual(await client.getSession(), { data: null, error: null }, "the client's getSession");
}

/** Assert that every timestamp has the format that the client parses. */
function assertTimestamps(value) {
  const found = [...JSON.stringify(value).matchAll(/"(\w+At)":"([^"]*)"/g)];
  assert(found.length > 0, "there are no dates");
  for (const [, name, text] of found) {
    assertMatches(text, INSTANT, name);
  }
}

const decodePart = (token, index) => JSON.parse(Buffer.from(token.split(".")[index], "base64url").toString());

/** Verify a JWT by the server's JWK Set, and return its claims. */
async function verifyToken(token, user) {
  const { keys } = (await get("jwks")).json;
  const { alg, kid } = decodePart(token, 0);
  assertEqual(alg, "EdDSA", "alg");
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
  const claims = decodePart(token, 1);
  assertEqual(claims.iss, OWN_ORIGIN, "iss");
  assertEqual(claims.aud, OWN_ORIGIN, "aud");
  assertEqual(claims.sub, user.id, "sub");
  assertEqual(claims.exp - claims.iat, 900, "exp - iat");
  assert(Math.abs(claims.iat - Date.now() / 1000) < 5, `iat is ${claims.iat}`);
  return claims;
}

// --- Mails -----------------------------------------------------------------------------------------------------------

const mailSize = () => (env.MAILS && statSync(env.MAILS, { throwIfNoEntry: false })?.size) || 0;

const mailsAfter = (offset) => (mailSize() > offset ? readFileSync(env.MAILS).subarray(offset).toString() : "");

/** Wait for a mail to the address after the offset, and return its link to this path, with this end. */
async function mailedLink(email, offset, path, end = "") {
  assert(env.MAILS, "MAILS is not set");
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const added = mailsAfter(offset);
    const text = /quoted-printable/i.test(added)
      ? added.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex) => Buffer.from(hex, "hex").toString())
      : added;
    const link = text.match(new RegExp(`https?://[^\\s"<>]+/${path}[/?][^\\s"<>]+${end}`));
    if (link) {
      assert(text.includes(`To: ${email}`), `the mail is not for ${email}`);
      return link[0];
    }
    await sleep(50);
  }
  throw new Error(`no mail with a link to ${path} for ${email}`);
}

/** Return those of the addresses that have got a mail after the offset. A notice to another address may come late. */
function mailed(emails, offset) {
  const added = mailsAfter(offset);
  return emails.filter((email) => added.includes(`To: ${email}`));
}

/** Request a password reset, and return the token of the mail. */
async function resetToken(email) {
  const offset = mailSize();
  assertStatus(await post("request-password-reset", { json: { email, redirectTo: "/reset" } }), 200, { status: true });
  return new URL(await mailedLink(email, offset, "reset-password")).pathname.split("/").pop();
}

// --- What every Better Auth server does ------------------------------------------------------------------------------

async function betterAuthScenarios() {
  await scenario("sign-up", async (it) => {
    const email = newEmail();
    const visitor = browser();
    const input = { name: "Ada Lovelace", email, password: PASSWORD };
    const { data } = await it("returns a token and the user", async () => {
      const result = await visitor.client.signUp.email(input);
      assertStatus(result, 200);
      assert(result.data.token?.length >= 32, `token is ${show(result.data.token)}`);
      const { id, ...user } = result.data.user;
      assertMatches(id, /^[A-Za-z0-9-]{32,36}$/, "id");
      assertEqual(
        [user.name, user.email, user.emailVerified],
        [input.name, email, false],
        "name, email, emailVerified",
      );
      assertEqual(user.image ?? null, null, "image");
      return result;
    });
    await it("gives the client Date objects", async () => {
      assertNear(data.user.createdAt, Date.now(), 2_000, "createdAt");
      assertNear(data.user.updatedAt, Date.now(), 2_000, "updatedAt");
    });
    await it("signs in at once, by cookie", async () => {
      const { data: session } = await visitor.client.getSession();
      assertEqual(session?.user.id, data.user.id, "the session's user");
    });
    await it("with a registered address is 422", async () => {
      const again = await browser().client.signUp.email(input);
      assertError(again, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "User already exists. Use another email.");
    });
    await it("with a registered address in upper case is 422", async () => {
      const again = await browser().client.signUp.email({ ...input, email: email.toUpperCase() });
      assertError(again, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    });
    await it("lower-cases the address", async () => {
      const capitals = newEmail().toUpperCase();
      const result = await browser().client.signUp.email({ ...input, email: capitals });
      assertEqual(result.data?.user.email, capitals.toLowerCase(), "email");
    });
    await it("stores the image", async () => {
      const image = "https://example.com/ada.png";
      const result = await browser().client.signUp.email({ ...input, email: newEmail(), image });
      assertEqual(result.data?.user.image, image, "image");
    });
    await it("accepts an empty name", async () => {
      const result = await browser().client.signUp.email({ ...input, email: newEmail(), name: "" });
      assertStatus(result, 200);
    });
    await it("ignores read-only fields", async () => {
      const json = {
        ...input,
        email: newEmail(),
        id: "1",
        emailVerified: true,
        role: "admin",
        createdAt: "2001-01-01",
      };
      const response = await post("sign-up/email", { json });
      assertStatus(response, 200);
      assertEqual(response.json.user.emailVerified, false, "emailVerified");
      assert.notEqual(response.json.user.id, "1");
      assertEqual("role" in response.json.user, false, "role is there");
      assert(response.json.user.createdAt > "2020", "createdAt was taken over");
    });
    await it("formats dates with three fraction digits and Z", async () => {
      assertTimestamps((await post("sign-up/email", { json: { ...input, email: newEmail() } })).json);
    });
    await it("accepts a form", async () => {
      const response = await post("sign-up/email", { form: { ...input, email: newEmail() } });
      assertStatus(response, 200);
      assert(response.json.token && response.cookies[COOKIE], "token and cookie");
    });
    await it("accepts a password of 128 characters, and compares the last one", async () => {
      const long = { ...input, email: newEmail(), password: "x".repeat(128) };
      assertStatus(await browser().client.signUp.email(long), 200);
      const wrong = await browser().client.signIn.email({ ...long, password: `${"x".repeat(127)}y` });
      assertError(wrong, 401, "INVALID_EMAIL_OR_PASSWORD");
      assertStatus(await browser().client.signIn.email(long), 200);
    });
    await it("with a short password is PASSWORD_TOO_SHORT", async () => {
      const result = await browser().client.signUp.email({ ...input, email: newEmail(), password: "1234567" });
      assertError(result, 400, "PASSWORD_TOO_SHORT", "Password too short");
    });
    await it("with 129 characters is PASSWORD_TOO_LONG", async () => {
      const result = await browser().client.signUp.email({ ...input, email: newEmail(), password: "x".repeat(129) });
      assertError(result, 400, "PASSWORD_TOO_LONG", "Password too long");
    });
    for (const [name, change, field] of [
      ["a bad address", { email: "nobody" }, "email"],
      ["no address", { email: undefined }, "email"],
      ["no password", { password: undefined }, "password"],
      ["an empty password", { password: "" }, "password"],
      ["a password that is a number", { password: 12345678 }, "password"],
      ["a name that is a number", { name: 5 }, "name"],
      ["an address that is a list", { email: [email] }, "email"],
      ["a rememberMe that is a word", { rememberMe: "yes" }, "rememberMe"],
    ]) {
      await it(`with ${name} is VALIDATION_ERROR and names the field`, async () => {
        const result = await browser().client.signUp.email({ ...input, email: newEmail(), ...change });
        assertError(result, 400, "VALIDATION_ERROR", new RegExp(`^\\[body\\.${field}\\] .+`));
      });
    }
    await it("with two errors names both", async () => {
      const result = await post("sign-up/email", { json: { name: "A", email: "nobody" } });
      assertError(result, 400, "VALIDATION_ERROR", /^\[body\.email\] [^;]+; \[body\.password\] .+/);
    });
    await it("with a list as body is VALIDATION_ERROR", async () => {
      assertError(await post("sign-up/email", { json: [] }), 400, "VALIDATION_ERROR", /^\[body\] /);
    });
    await it("with malformed JSON is 400", async () => {
      const response = await post("sign-up/email", {
        body: '{"email":',
        headers: { "content-type": "application/json" },
      });
      assertError(response, 400, "BAD_REQUEST", "Invalid JSON in request body");
    });
    await it("with plain text is 415", async () => {
      const response = await post("sign-up/email", { body: "hello", headers: { "content-type": "text/plain" } });
      const message =
        'Content-Type "text/plain" is not allowed. Allowed types: application/x-www-form-urlencoded, application/json';
      assertError(response, 415, "UNSUPPORTED_MEDIA_TYPE", message);
    });
    await it("from an untrusted origin is INVALID_ORIGIN", async () => {
      const result = await browser(FOREIGN).client.signUp.email({ ...input, email: newEmail() });
      assertError(result, 403, "INVALID_ORIGIN", "Invalid origin");
    });
  });

  await scenario("sign-in", async (it) => {
    const { email, user } = await signUp();
    const input = { email, password: PASSWORD };
    await it("returns redirect false, a token and the user", async () => {
      const result = await browser().client.signIn.email(input);
      assertStatus(result, 200, { redirect: false });
      assertEqual(result.data.user, user, "user");
      assert(result.data.token?.length >= 32, `token is ${show(result.data.token)}`);
    });
    await it("accepts the address in upper case", async () => {
      assertStatus(await browser().client.signIn.email({ ...input, email: email.toUpperCase() }), 200);
    });
    await it("accepts a form", async () => {
      const response = await post("sign-in/email", { form: input });
      assertStatus(response, 200, { redirect: false });
    });
    await it("with a callbackURL returns redirect, url and location", async () => {
      const response = await post("sign-in/email", { json: { ...input, callbackURL: "/dashboard" } });
      assertStatus(response, 200, { redirect: true, url: "/dashboard" });
      assertEqual(response.headers.location, "/dashboard", "location");
    });
    await it("accepts a callbackURL of a trusted origin", async () => {
      const response = await post("sign-in/email", { json: { ...input, callbackURL: `${ORIGIN}/dashboard` } });
      assertStatus(response, 200, { redirect: true, url: `${ORIGIN}/dashboard` });
    });
    for (const callbackURL of [`${FOREIGN}/x`, "//evil.example/x", "/\\evil.example", "javascript:alert(1)"]) {
      await it(`with the callbackURL ${callbackURL} is INVALID_CALLBACK_URL`, async () => {
        const response = await post("sign-in/email", { json: { ...input, callbackURL } });
        assertError(response, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL");
        assertEqual(response.cookies, {}, "cookies");
      });
    }
    await it("with a wrong password is 401", async () => {
      const result = await browser().client.signIn.email({ ...input, password: OTHER_PASSWORD });
      assertError(result, 401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password");
    });
    await it("with an unknown address is the same 401", async () => {
      const wrong = await post("sign-in/email", { json: { ...input, password: OTHER_PASSWORD } });
      const unknown = await post("sign-in/email", { json: { ...input, email: newEmail() } });
      assertEqual([unknown.status, unknown.json], [wrong.status, wrong.json], "the response");
      assertEqual([unknown.cookies, unknown.headers["set-auth-token"]], [{}, undefined], "cookies and set-auth-token");
    });
    await it("with an invalid address is INVALID_EMAIL", async () => {
      assertError(
        await browser().client.signIn.email({ ...input, email: "nobody" }),
        400,
        "INVALID_EMAIL",
        "Invalid email",
      );
    });
    await it("without a password is VALIDATION_ERROR", async () => {
      assertError(await post("sign-in/email", { json: { email } }), 400, "VALIDATION_ERROR", /^\[body\.password\] /);
    });
    await it("with an address that is a number is VALIDATION_ERROR", async () => {
      const response = await post("sign-in/email", { json: { email: 5, password: PASSWORD } });
      assertError(response, 400, "VALIDATION_ERROR", /^\[body\.email\] /);
    });
    await it("with an empty password is 401", async () => {
      const response = await post("sign-in/email", { json: { email, password: "" } });
      assertError(response, 401, "INVALID_EMAIL_OR_PASSWORD");
    });
    await it("with malformed JSON is 400", async () => {
      const response = await post("sign-in/email", {
        body: "nonsense",
        headers: { "content-type": "application/json" },
      });
      assertError(response, 400, "BAD_REQUEST", "Invalid JSON in request body");
    });
    await it("with plain text is 415", async () => {
      const response = await post("sign-in/email", { body: "hello", headers: { "content-type": "text/plain" } });
      assertError(response, 415, "UNSUPPORTED_MEDIA_TYPE");
    });
  });

  await scenario("cookie", async (it) => {
    const { email } = await signUp();
    const { response, signed } = await signIn(email);
    const cookie = response.cookies[COOKIE];
    await it("has its name and attributes", async () => {
      const { httponly, samesite, path, secure, domain, "max-age": age } = cookie.attributes;
      assertEqual(
        { httponly, samesite, path, age },
        { httponly: true, samesite: "Lax", path: "/", age: "604800" },
        "attributes",
      );
      assertEqual([secure, domain], [undefined, undefined], "Secure and Domain on http");
    });
    await it("is the token and its signature, URL-encoded", async () => {
      assertMatches(decodeURIComponent(cookie.value), /^[^.]+\.[A-Za-z0-9+/]{43}=$/, "the value");
      assertEqual(cookie.value, encodeURIComponent(decodeURIComponent(cookie.value)), "its encoding");
    });
    await it("contains the value of set-auth-token", async () => {
      assertEqual(decodeURIComponent(cookie.value), signed, "its value");
    });
    if (env.BETTER_AUTH_SECRET) {
      await it("is signed with HMAC-SHA256 of the secret", async () => {
        const [token, signature] = signed.split(".");
        assertEqual(
          signature,
          createHmac("sha256", env.BETTER_AUTH_SECRET).update(token).digest("base64"),
          "signature",
        );
      });
    }
    await it("comes with set-auth-token exposed", async () => {
      assertExposed(response, "set-auth-token");
    });
    await it("of a sign-in with rememberMe is the only one", async () =>
      assertEqual(Object.keys(response.cookies), [COOKIE], "cookies"),
    );
    const brief = await signIn(email, PASSWORD, { rememberMe: false });
    await it("without rememberMe ends with the browser", async () => {
      const { attributes } = brief.response.cookies[COOKIE];
      assertEqual([attributes["max-age"], attributes.expires], [undefined, undefined], "Max-Age and Expires");
      assertEqual([attributes.httponly, attributes.samesite, attributes.path], [true, "Lax", "/"], "the rest");
    });
    await it("without rememberMe comes with a signed dont_remember", async () => {
      const { value, attributes } = brief.response.cookies[DONT_REMEMBER] ?? {};
      assertMatches(decodeURIComponent(value ?? ""), /^true\.[A-Za-z0-9+/]{43}=$/, "the value");
      assertEqual([attributes["max-age"], attributes.httponly], [undefined, true], "Max-Age and HttpOnly");
    });
    await it("without rememberMe the session lasts a day, and get-session does not extend it", async () => {
      await assertSession({ cookie: brief.cookie });
      const { session } = await sessionOf({ cookie: brief.cookie });
      assertNear(new Date(session.expiresAt), Date.now() + DAY, 10_000, "expiresAt");
    });
  });

  await scenario("get-session", async (it) => {
    const visitor = await signUp();
    const { email } = visitor;
    const { cookie, token, signed, user } = await signIn(email);
    await it("by cookie returns session and user to the client", async () => {
      const { data, error } = await visitor.client.getSession();
      assertEqual(error, null, "error");
      assertEqual(data.user, visitor.user, "user");
      const { id, token: handle, userId, expiresAt, createdAt, updatedAt, ipAddress, userAgent } = data.session;
      assertEqual(userId, visitor.user.id, "userId");
      assertEqual([id, handle, ipAddress, userAgent].map((value) => typeof value), Array(4).fill("string"), "types");
      assertNear(expiresAt, Date.now() + 7 * DAY, 10_000, "expiresAt");
      assertNear(createdAt, Date.now(), 10_000, "createdAt");
      assertNear(updatedAt, Date.now(), 10_000, "updatedAt");
    });
    await it("formats dates with three fraction digits and Z", async () => {
      const body = await sessionOf({ cookie });
      assertTimestamps(body.session);
      assertTimestamps(body.user);
    });
    await it("by the signed token of set-auth-token", async () => {
      assertEqual((await sessionOf({ bearer: signed }))?.user, user, "user");
    });
    await it("by the signed token, URL-encoded", async () => {
      assertEqual((await sessionOf({ bearer: encodeURIComponent(signed) }))?.user, user, "user");
    });
    await it("by the token of the sign-in's body", async () => {
      assertEqual((await sessionOf({ bearer: token }))?.user, user, "user");
    });
    await it("accepts the scheme in any case", async () => {
      assertEqual((await sessionOf({ headers: { authorization: `bEARER ${signed}` } }))?.user, user, "user");
    });
    await it("returns the same session for every credential of a sign-in", async () => {
      const ids = [];
      for (const credential of [{ cookie }, { bearer: signed }, { bearer: token }]) {
        ids.push((await sessionOf(credential)).session.id);
      }
      assertEqual(new Set(ids).size, 1, "number of sessions");
    });
    await it("returns the session's user agent", async () => {
      const headers = { "user-agent": "checks/1.0" };
      const response = await post("sign-in/email", { json: { email, password: PASSWORD }, headers });
      assertEqual((await sessionOf({ bearer: response.json.token })).session.userAgent, "checks/1.0", "userAgent");
    });
    await it("is not cacheable", async () => {
      for (const credential of [{ cookie }, {}]) {
        assertMatches((await get("get-session", credential)).headers["cache-control"], /no-store/, "Cache-Control");
      }
    });
    await it("ignores the origin", async () => {
      for (const origin of [undefined, FOREIGN]) {
        assertEqual((await sessionOf({ cookie, origin }))?.user.id, user.id, "user");
      }
    });
    await it("works for the client with a bearer token alone", async () => {
      const { client, store } = bearerClient();
      assertStatus(await client.signIn.email({ email, password: PASSWORD }), 200);
      assert(store.token.includes("."), `set-auth-token is ${store.token}`);
      const { data } = await client.getSession();
      assertEqual(data?.user.email, email, "email");
    });
    await it("is null without a session", async () => {
      await assertNoSession({}, "no credential");
      await assertSignedOut(browser().client);
    });
    for (const [name, credential] of [
      ["a cookie with a bad signature", { cookie: `${COOKIE}=${encodeURIComponent(corrupted(signed))}` }],
      ["a cookie without signature", { cookie: `${COOKIE}=${signed.split(".")[0]}` }],
      ["a cookie of nonsense", { cookie: `${COOKIE}=%E0%A4%A` }],
      ["a bearer token with a bad signature", { bearer: corrupted(signed) }],
      ["a bearer token cut short", { bearer: signed.slice(0, -6) }],
      ["an unknown bearer token", { bearer: "A".repeat(32) }],
      ["another scheme", { headers: { authorization: `Basic ${token}` } }],
      ["an empty bearer token", { headers: { authorization: "Bearer " } }],
    ]) {
      await it(`is null for ${name}`, () => assertNoSession(credential, name));
    }
    await it("of a revoked session is null and expires the cookie", async () => {
      const gone = await signIn(email);
      await post("sign-out", { bearer: gone.signed });
      await assertNoSession({ cookie: gone.cookie }, "the cookie");
      await assertNoSession({ bearer: gone.signed }, "the signed token");
      await assertNoSession({ bearer: gone.token }, "the token");
      const response = await get("get-session", { cookie: gone.cookie });
      assert(isExpired(response.cookies[COOKIE]), `cookies set: ${show(response.cookies)}`);
    });
  });

  await scenario("sessions", async (it) => {
    const one = await signUp();
    const two = await signInBrowser(one.email);
    const three = await signInBrowser(one.email);
    const stranger = await signUp("Stranger");
    const handle = async (visitor) => (await visitor.client.getSession()).data?.session.token;
    await it("are listed, with dates and with the current one among them", async () => {
      const { data, error } = await one.client.listSessions();
      assertEqual(error, null, "error");
      assertEqual(data.length, 3, "number of sessions");
      assertEqual(new Set(data.map((session) => session.userId)).size, 1, "number of users");
      for (const visitor of [one, two, three]) {
        const own = await handle(visitor);
        assert(data.some(({ token }) => token === own), "a session's token is not in the list");
      }
      for (const session of data) {
        assertNear(session.createdAt, Date.now(), 10_000, "createdAt");
        assertNear(session.expiresAt, Date.now() + 7 * DAY, 10_000, "expiresAt");
      }
    });
    await it("have all members in the list", async () => {
      const { json } = await get("list-sessions", { cookie: one.cookie() });
      const members = ["createdAt", "expiresAt", "id", "ipAddress", "token", "updatedAt", "userAgent", "userId"];
      for (const session of json) {
        assertEqual(members.filter((name) => typeof session[name] !== "string"), [], "members that are no strings");
      }
      assertTimestamps(json);
    });
    for (const [method, path, json] of [
      ["GET", "list-sessions"],
      ["POST", "revoke-session", { token: "x" }],
      ["POST", "revoke-sessions", {}],
      ["POST", "revoke-other-sessions", {}],
    ]) {
      await it(`${path} is 401 without a session`, async () => {
        assertError(await send(method, path, { json }), 401, "UNAUTHORIZED", "Unauthorized");
      });
    }
    await it("revoke-session without a token is VALIDATION_ERROR", async () => {
      const response = await post("revoke-session", { json: {}, bearer: one.token });
      assertError(response, 400, "VALIDATION_ERROR", /^\[body\.token\] /);
    });
    await it("revoke-session of an unknown token has no effect", async () => {
      const result = await one.client.revokeSession({ token: "A".repeat(32) });
      assertStatus(result, 200, { status: true });
      assertEqual((await one.client.listSessions()).data.length, 3, "number of sessions");
    });
    await it("revoke-session of another user's session has no effect", async () => {
      const result = await one.client.revokeSession({ token: await handle(stranger) });
      assertStatus(result, 200, { status: true });
      await assertSession({ cookie: stranger.cookie() }, "the stranger's session");
    });
    await it("revoke-session ends an own session", async () => {
      const cookie = two.cookie();
      const result = await one.client.revokeSession({ token: await handle(two) });
      assertStatus(result, 200, { status: true });
      await assertNoSession({ cookie }, "the revoked session");
      await assertSession({ cookie: one.cookie() }, "the current session");
      await assertSession({ cookie: three.cookie() }, "the third session");
      assertEqual((await one.client.listSessions()).data.length, 2, "number of sessions");
    });
    await it("revoke-other-sessions ends all but the current one", async () => {
      const four = await signIn(one.email);
      assertStatus(await one.client.revokeOtherSessions(), 200, { status: true });
      await assertNoSession({ cookie: three.cookie() }, "the third session");
      await assertNoSession({ bearer: four.token }, "the fourth session");
      await assertSession({ cookie: one.cookie() }, "the current session");
      await assertSession({ cookie: stranger.cookie() }, "the stranger's session");
    });
    await it("revoke-other-sessions accepts a bearer token and no body", async () => {
      const kept = await signIn(one.email);
      assertStatus(await post("revoke-other-sessions", { bearer: kept.signed }), 200, { status: true });
      await assertSession({ bearer: kept.signed }, "the current session");
      await assertNoSession({ cookie: one.cookie() }, "the other session");
    });
    await it("revoke-sessions ends all of them", async () => {
      const [five, six] = [await signInBrowser(one.email), await signIn(one.email)];
      const cookie = five.cookie();
      assertStatus(await five.client.revokeSessions(), 200, { status: true });
      await assertNoSession({ cookie }, "the current session");
      await assertNoSession({ bearer: six.token }, "the other session");
      await assertSignedOut(five.client);
      await assertSession({ cookie: stranger.cookie() }, "the stranger's session");
    });
    await it("an ended session lists nothing", async () => {
      assertError(await get("list-sessions", { bearer: one.token }), 401, "UNAUTHORIZED");
    });
  });

  await scenario("change-password", async (it) => {
    const visitor = await signUp();
    const { client, email } = visitor;
    const input = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
    await it("is 401 without a session", async () => {
      assertError(await post("change-password", { json: input }), 401, "UNAUTHORIZED", "Unauthorized");
    });
    await it("with a wrong current password is INVALID_PASSWORD", async () => {
      const result = await client.changePassword({ ...input, currentPassword: "not the password" });
      assertError(result, 400, "INVALID_PASSWORD", "Invalid password");
    });
    await it("to a short one is PASSWORD_TOO_SHORT", async () => {
      const result = await client.changePassword({ ...input, newPassword: "1234567" });
      assertError(result, 400, "PASSWORD_TOO_SHORT", "Password too short");
    });
    await it("to a long one is PASSWORD_TOO_LONG", async () => {
      const result = await client.changePassword({ ...input, newPassword: "x".repeat(129) });
      assertError(result, 400, "PASSWORD_TOO_LONG", "Password too long");
    });
    await it("checks the new password's length first", async () => {
      const result = await client.changePassword({ currentPassword: "not the password", newPassword: "1234567" });
      assertError(result, 400, "PASSWORD_TOO_SHORT");
    });
    await it("without the current password is VALIDATION_ERROR", async () => {
      const result = await client.changePassword({ newPassword: OTHER_PASSWORD });
      assertError(result, 400, "VALIDATION_ERROR", /^\[body\.currentPassword\] /);
    });
    await it("by a form is 415", async () => {
      const response = await post("change-password", { form: input, bearer: visitor.token });
      assertError(response, 415, "UNSUPPORTED_MEDIA_TYPE");
    });
    await it("has changed nothing so far", async () => {
      assertStatus(await browser().client.signIn.email({ email, password: PASSWORD }), 200);
    });
    await it("with revokeOtherSessions false returns the user and no token, and keeps the other sessions", async () => {
      const other = await signInBrowser(email);
      const result = await client.changePassword({ ...input, revokeOtherSessions: false });
      assertStatus(result, 200, { token: null });
      assertEqual(result.data.user.id, visitor.user.id, "user");
      await assertSession({ cookie: other.cookie() }, "the other session");
      await assertSession({ cookie: visitor.cookie() }, "the current session");
    });
    await it("has changed the password", async () => {
      const old = await browser().client.signIn.email({ email, password: PASSWORD });
      assertError(old, 401, "INVALID_EMAIL_OR_PASSWORD");
      assertStatus(await browser().client.signIn.email({ email, password: OTHER_PASSWORD }), 200);
    });
    await it("with revokeOtherSessions returns new credentials, and revokes all old ones", async () => {
      const other = await signIn(email, OTHER_PASSWORD);
      const old = await signIn(email, OTHER_PASSWORD);
      const response = await post("change-password", {
        json: { currentPassword: OTHER_PASSWORD, newPassword: PASSWORD, revokeOtherSessions: true },
        bearer: old.signed,
      });
      assertStatus(response, 200);
      assertEqual(response.json.user.id, visitor.user.id, "user");
      await assertNoSession({ bearer: old.signed }, "the old signed token");
      await assertNoSession({ bearer: old.token }, "the old token");
      await assertNoSession({ cookie: old.cookie }, "the old cookie");
      await assertNoSession({ cookie: other.cookie }, "the other session");
      await assertNoSession({ cookie: visitor.cookie() }, "the first session");
      await assertSession({ bearer: response.json.token }, "the new token");
      await assertSession({ bearer: response.headers["set-auth-token"] }, "the new signed token");
      await assertSession({ cookie: `${COOKIE}=${response.cookies[COOKIE]?.value}` }, "the new cookie");
    });
    await it("with revokeOtherSessions leaves the client signed in", async () => {
      for (const [how, { client: mine }] of Object.entries({ cookie: browser(), bearer: bearerClient() })) {
        assertStatus(await mine.signIn.email({ email, password: PASSWORD }), 200);
        const change = { currentPassword: PASSWORD, newPassword: PASSWORD, revokeOtherSessions: true };
        assertStatus(await mine.changePassword(change), 200);
        assertEqual((await mine.getSession()).data?.user.email, email, `the session's e-mail, by ${how}`);
      }
    });
  });

  await scenario("update-user", async (it) => {
    const { client, cookie, token, user } = await signUp();
    const current = async () => (await client.getSession()).data.user;
    await it("is 401 without a session", async () => {
      assertError(await post("update-user", { json: { name: "X" } }), 401, "UNAUTHORIZED");
    });
    await it("changes the name", async () => {
      assertStatus(await client.updateUser({ name: "Countess of Lovelace" }), 200, { status: true });
      assertEqual((await current()).name, "Countess of Lovelace", "name");
    });
    await it("changes updatedAt and nothing else", async () => {
      const { updatedAt, ...rest } = await current();
      assertNear(updatedAt, Date.now(), 10_000, "updatedAt");
      assert(updatedAt.getTime() > user.updatedAt.getTime(), "updatedAt is unchanged");
      assertEqual([rest.createdAt, rest.email, rest.id], [user.createdAt, user.email, user.id], "the rest");
    });
    await it("sets the image, and keeps the name", async () => {
      assertStatus(await client.updateUser({ image: "https://example.com/a.png" }), 200, { status: true });
      const { name, image } = await current();
      assertEqual([name, image], ["Countess of Lovelace", "https://example.com/a.png"], "name and image");
    });
    await it("clears the image with null", async () => {
      assertStatus(await client.updateUser({ image: null }), 200, { status: true });
      assertEqual((await current()).image, null, "image");
    });
    await it("sends the cookie again", async () => {
      const response = await post("update-user", { json: { name: "Ada" }, cookie: cookie(), origin: ORIGIN });
      assertStatus(response, 200, { status: true });
      assertEqual(response.cookies[COOKIE]?.attributes["max-age"], "604800", "Max-Age");
      await assertSession({ cookie: `${COOKIE}=${response.cookies[COOKIE]?.value}` });
    });
    await it("with an address is EMAIL_CAN_NOT_BE_UPDATED", async () => {
      const result = await client.updateUser({ email: newEmail(), name: "Eve" });
      assertError(result, 400, "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated");
      assertEqual((await current()).name, "Ada", "name");
    });
    await it("of nothing is 400", async () => {
      assertError(await post("update-user", { json: {}, bearer: token }), 400, undefined, "No fields to update");
    });
    await it("of unknown members only is 400", async () => {
      const response = await post("update-user", { json: { shoes: 2 }, bearer: token });
      assertError(response, 400, undefined, "No fields to update");
    });
    await it("of read-only fields changes nothing", async () => {
      await post("update-user", { json: { name: "Ada", emailVerified: true, id: "1" }, bearer: token });
      const now = await current();
      assertEqual([now.emailVerified, now.id], [false, user.id], "emailVerified and id");
    });
  });

  await scenario("delete-user", async (it) => {
    const { client, cookie, email, user } = await signUp();
    const other = await signIn(email);
    await it("is 401 without a session", async () => {
      assertError(await post("delete-user", { json: { password: PASSWORD } }), 401, "UNAUTHORIZED");
    });
    await it("with a wrong password is INVALID_PASSWORD", async () => {
      const result = await client.deleteUser({ password: "not the password" });
      assertError(result, 400, "INVALID_PASSWORD", "Invalid password");
      await assertSession({ cookie: cookie() });
    });
    const before = cookie();
    await it("with the password deletes and expires the cookie", async () => {
      const response = await post("delete-user", { json: { password: PASSWORD }, cookie: before, origin: ORIGIN });
      assertStatus(response, 200, { success: true, message: "User deleted" });
      assert(isExpired(response.cookies[COOKIE]), `cookies set: ${show(response.cookies)}`);
    });
    await it("ends every session", async () => {
      await assertNoSession({ cookie: before }, "the current session");
      await assertNoSession({ bearer: other.signed }, "the other session");
      await assertNoSession({ bearer: other.token }, "the other session's token");
      await assertSignedOut(client);
    });
    await it("deletes the account", async () => {
      const result = await browser().client.signIn.email({ email, password: PASSWORD });
      assertError(result, 401, "INVALID_EMAIL_OR_PASSWORD");
    });
    await it("releases the address", async () => {
      const result = await browser().client.signUp.email({ name: "Next", email, password: PASSWORD });
      assertStatus(result, 200);
      assert.notEqual(result.data.user.id, user.id);
    });
    await it("works through the client", async () => {
      const next = await signUp();
      assertStatus(await next.client.deleteUser({ password: PASSWORD }), 200, { success: true });
      await assertSignedOut(next.client);
    });
  });

  await scenario("password reset", async (it) => {
    const visitor = await signUp();
    const { email } = visitor;
    const redirectTo = `${ORIGIN}/reset?from=mail`;
    const message = "If this email exists in our system, check your email for the reset link";
    const token = await it("is mailed, and the link leads to redirectTo with a token", async () => {
      const offset = mailSize();
      const result = await browser().client.requestPasswordReset({ email, redirectTo });
      assertStatus(result, 200, { status: true, message });
      const link = await mailedLink(email, offset, "reset-password");
      assert(link.startsWith(`${BASE_URL}/api/auth/reset-password/`), link);
      assertEqual(new URL(link).searchParams.get("callbackURL"), redirectTo, "callbackURL");
      const followed = await get(link);
      assertEqual(followed.status, 302, "status");
      const target = new URL(followed.headers.location);
      assertEqual(
        [target.origin, target.pathname, target.searchParams.get("from")],
        [ORIGIN, "/reset", "mail"],
        "location",
      );
      const mailedToken = new URL(link).pathname.split("/").pop();
      assertEqual(target.searchParams.get("token"), mailedToken, "token");
      return mailedToken;
    });
    await it("of an unknown address has the same response, and no mail", async () => {
      const offset = mailSize();
      assertStatus(
        await post("request-password-reset", { json: { email: newEmail() } }),
        200,
        { status: true, message },
      );
      await sleep(500);
      assertEqual(mailSize(), offset, "size of the mails");
    });
    await it("accepts the address in upper case", async () => {
      const offset = mailSize();
      assertStatus(
        await post("request-password-reset", { json: { email: email.toUpperCase() } }),
        200,
        { status: true },
      );
      await mailedLink(email, offset, "reset-password");
    });
    await it("with an invalid address is VALIDATION_ERROR", async () => {
      const response = await post("request-password-reset", { json: { email: "nobody" } });
      assertError(response, 400, "VALIDATION_ERROR", /^\[body\.email\] /);
    });
    for (const foreign of [`${FOREIGN}/x`, "//evil.example/x"]) {
      await it(`with the redirectTo ${foreign} is INVALID_REDIRECT_URL`, async () => {
        const result = await browser().client.requestPasswordReset({ email, redirectTo: foreign });
        assertError(result, 403, "INVALID_REDIRECT_URL", "Invalid redirectURL");
      });
    }
    await it("with a relative redirectTo leads there", async () => {
      const offset = mailSize();
      assertStatus(
        await post("request-password-reset", { json: { email, redirectTo: "/reset" } }),
        200,
        { status: true },
      );
      const link = await mailedLink(email, offset, "reset-password");
      assertEqual(new URL(link).searchParams.get("callbackURL"), "/reset", "callbackURL");
      const followed = await get(link);
      assertEqual(followed.status, 302, "status");
      const target = new URL(followed.headers.location, BASE_URL);
      assertEqual(target.origin + target.pathname, `${OWN_ORIGIN}/reset`, "location");
      assert(target.searchParams.get("token"), "there is no token");
    });
    await it("with an invalid link redirects with an error", async () => {
      const followed = await get(`reset-password/${"A".repeat(24)}?callbackURL=${encodeURIComponent(redirectTo)}`);
      assertEqual(followed.status, 302, "status");
      assertEqual(followed.headers.location, `${redirectTo}&error=INVALID_TOKEN`, "location");
    });
    await it("with an untrusted callbackURL does not redirect", async () => {
      const followed = await get(`reset-password/${token}?callbackURL=${encodeURIComponent(`${FOREIGN}/x`)}`);
      assertError(followed, 403, "INVALID_CALLBACK_URL");
      assertEqual(followed.headers.location, undefined, "location");
    });
    await it("to a short password is PASSWORD_TOO_SHORT, and keeps the token", async () => {
      const result = await browser().client.resetPassword({ newPassword: "1234567", token });
      assertError(result, 400, "PASSWORD_TOO_SHORT", "Password too short");
    });
    await it("to a long password is PASSWORD_TOO_LONG, and keeps the token", async () => {
      const result = await browser().client.resetPassword({ newPassword: "x".repeat(129), token });
      assertError(result, 400, "PASSWORD_TOO_LONG", "Password too long");
    });
    await it("works once", async () => {
      assertStatus(await browser().client.resetPassword({ newPassword: OTHER_PASSWORD, token }), 200, { status: true });
    });
    await it("does not work twice", async () => {
      const result = await browser().client.resetPassword({ newPassword: PASSWORD, token });
      assertError(result, 400, "INVALID_TOKEN", "Invalid token");
    });
    await it("ends the sessions", () => assertNoSession({ cookie: visitor.cookie() }));
    await it("rejects the old password and accepts the new one", async () => {
      const old = await browser().client.signIn.email({ email, password: PASSWORD });
      assertError(old, 401, "INVALID_EMAIL_OR_PASSWORD");
      assertStatus(await browser().client.signIn.email({ email, password: OTHER_PASSWORD }), 200);
    });
    await it("with an unknown token, or with none, is INVALID_TOKEN", async () => {
      for (const extra of [{ token: "A".repeat(24) }, {}]) {
        const response = await post("reset-password", { json: { newPassword: PASSWORD, ...extra } });
        assertError(response, 400, "INVALID_TOKEN", "Invalid token");
      }
    });
    await it("accepts the token in the query", async () => {
      const another = await resetToken(email);
      const response = await post(`reset-password?token=${another}`, { json: { newPassword: PASSWORD } });
      assertStatus(response, 200, { status: true });
    });
    await it("with one token ten times in parallel works once", async () => {
      const another = await resetToken(email);
      const attempts = Array.from({ length: 10 }, () =>
        post("reset-password", { json: { newPassword: OTHER_PASSWORD, token: another } }),
      );
      const statuses = (await Promise.all(attempts)).map(({ status }) => status).sort();
      assertEqual(statuses, [200, ...Array(9).fill(400)], "statuses");
    });
  });

  await scenario("verify-password", async (it) => {
    const { client, cookie } = await signUp();
    await it("accepts the right password", async () =>
      assertStatus(await client.verifyPassword({ password: PASSWORD }), 200, { status: true }),
    );
    await it("refuses a wrong, empty or too long one", async () => {
      assertError(await client.verifyPassword({ password: OTHER_PASSWORD }), 400, "INVALID_PASSWORD", "Invalid password");
      assertError(await client.verifyPassword({ password: "" }), 400, "INVALID_PASSWORD");
      assertError(await client.verifyPassword({ password: "x".repeat(129) }), 400, "PASSWORD_TOO_LONG");
    });
    await it("needs a text", async () => {
      for (const json of [{}, { password: 1 }]) {
        assertError(await post("verify-password", { json, cookie: cookie(), origin: ORIGIN }), 400, "VALIDATION_ERROR");
      }
    });
    await it("needs a session", async () =>
      assertError(await browser().client.verifyPassword({ password: PASSWORD }), 401, "UNAUTHORIZED"),
    );
  });

  await scenario("update-session", async (it) => {
    const { client, cookie } = await signUp();
    await it("has no field to update", async () => {
      assertError(await client.updateSession({ name: "x" }), 400, undefined, "No fields to update");
    });
    await it("takes an object only", async () => {
      for (const json of [[], "x", 1, null]) {
        assertError(await post("update-session", { json, cookie: cookie(), origin: ORIGIN }), 400, "VALIDATION_ERROR");
      }
    });
    await it("needs a session", async () =>
      assertError(await browser().client.updateSession({ name: "x" }), 401, "UNAUTHORIZED"),
    );
  });

  await scenario("list-accounts", async (it) => {
    const { client, user, cookie } = await signUp();
    await it("lists the password as credential", async () => {
      const { data } = await client.listAccounts();
      const [account, ...others] = data;
      assertEqual(others, [], "others");
      const names = ["accountId", "createdAt", "id", "providerId", "scopes", "updatedAt", "userId"];
      assertEqual(Object.keys(account).sort(), names, "members");
      assertEqual([account.providerId, account.userId, account.scopes], ["credential", user.id, []], "values");
      assertEqual(account.accountId, user.id, "accountId");
      assertTimestamps((await get("list-accounts", { cookie: cookie() })).json);
    });
    await it("needs a session", async () => assertError(await browser().client.listAccounts(), 401, "UNAUTHORIZED"));
  });

  await scenario("social", async (it) => {
    const { client, cookie } = await signUp();
    const own = (await client.listAccounts()).data[0].id;
    const mine = { cookie: cookie(), origin: ORIGIN };
    for (const [name, method, path] of [
      ["sign-in", (body) => client.signIn.social(body), "sign-in/social"],
      ["link", (body) => client.linkSocial(body), "link-social"],
    ]) {
      await it(`${name} finds no provider`, async () => {
        for (const body of [{ provider: "google" }, { provider: "nope" }, { provider: "google", idToken: { token: "x" } }]) {
          assertError(await method(body), 404, "PROVIDER_NOT_FOUND", "Provider not found");
        }
      });
      await it(`${name} needs a provider`, async () => {
        for (const json of [{}, { provider: 1 }]) {
          assertError(await post(path, { json, ...mine }), 400, "VALIDATION_ERROR");
        }
      });
      await it(`${name} refuses foreign callbacks first`, async () => {
        for (const [field, code] of [
          ["callbackURL", "INVALID_CALLBACK_URL"],
          ["errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"],
          ["newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"],
        ]) {
          assertError(await post(path, { json: { provider: "google", [field]: `${FOREIGN}/x` }, ...mine }), 403, code);
        }
      });
    }
    await it("unlink refuses the last account", async () => {
      for (const accountId of [own, "nope"]) {
        assertError(await client.unlinkAccount({ accountId }), 400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
      }
    });
    for (const method of ["getAccessToken", "refreshToken"]) {
      await it(`${method} has no token for the password or another account`, async () => {
        assertError(await client[method]({ accountId: own }), 400, "PROVIDER_NOT_SUPPORTED");
        assertError(await client[method]({ accountId: "nope" }), 400, "ACCOUNT_NOT_FOUND");
        assertError(await client[method]({ useAccountCookie: true }), 400, "ACCOUNT_NOT_FOUND");
        assertError(await client[method]({ accountId: own, useAccountCookie: true }), 400, "VALIDATION_ERROR");
        assertError(await client[method]({ accountId: own, more: 1 }), 400, "VALIDATION_ERROR");
      });
    }
    await it("accountInfo has none either", async () => {
      assertError(await client.accountInfo({ query: { accountId: own } }), 400, "PROVIDER_NOT_CONFIGURED");
      assertError(await client.accountInfo({ query: { accountId: "nope" } }), 400, "ACCOUNT_NOT_FOUND");
      assertError(await get("account-info", mine), 400, "VALIDATION_ERROR");
    });
    await it("methods of an account need a session", async () => {
      const { client: visitor } = browser();
      for (const path of ["get-access-token", "refresh-token"]) {
        assertEqual((await post(path, { json: { accountId: own }, origin: ORIGIN })).status, 401, path);
      }
      assertError(await visitor.unlinkAccount({ accountId: own }), 401, "UNAUTHORIZED");
      assertError(await visitor.linkSocial({ provider: "google" }), 401, "UNAUTHORIZED");
      assertEqual((await get(`account-info?accountId=${own}`)).status, 401, "account-info");
    });
    await it("callback leads to the error page", async () => {
      for (const [query, error] of [
        ["", "state_not_found"],
        ["?code=x", "state_not_found"],
        ["?code=x&state=y", "state_mismatch"],
      ]) {
        const { status, headers } = await get(`callback/google${query}`);
        assertEqual([status, headers.location], [302, `${BASE_URL}/api/auth/error?error=${error}`], query);
      }
      const { headers } = await post("callback/google?iss=i", { form: { code: "c d", state: "s", more: "x" } });
      assertEqual(headers.location, `${BASE_URL}/api/auth/callback/google?code=c+d&state=s&iss=i`, "Location");
    });
    await it("error page shows the code, and no markup of the URL", async () => {
      const page = await get("error?error=state_mismatch");
      assertEqual(page.status, 200, "status");
      assertMatches(page.headers["content-type"], /^text\/html\b/, "Content-Type");
      assertMatches(page.text, /state_mismatch/, "page");
      const hostile = await get("error?error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%3Cscript%3E");
      assert(!hostile.text.includes("<script>"), "the page has a script");
      assertMatches(hostile.text, /UNKNOWN/, "page");
    });
  });

  await scenario("e-mail verification", async (it) => {
    const { client, email, cookie } = await signUp();
    const other = await signUp();
    const offset = mailSize();
    await it("mails a link", async () =>
      assertStatus(await client.sendVerificationEmail({ email, callbackURL: "/welcome" }), 200, { status: true }),
    );
    const link = await mailedLink(email, offset, "verify-email");
    const token = new URL(link).searchParams.get("token");
    await it("leads to the callback", async () => {
      assertEqual(new URL(link).searchParams.get("callbackURL"), "/welcome", "callbackURL");
      const followed = await get(link);
      assertEqual([followed.status, followed.headers.location], [302, "/welcome"], "status and Location");
      assertEqual(followed.cookies, {}, "cookies");
    });
    await it("verifies the address, again and again", async () => {
      for (let time = 0; time < 3; time += 1) {
        const response = await get(`verify-email?token=${token}`);
        assertEqual([response.status, response.json], [200, { status: true, user: null }], "response");
      }
      assertStatus(await client.verifyEmail({ query: { token } }), 200, { status: true, user: null });
      assertEqual((await client.getSession()).data.user.emailVerified, true, "emailVerified");
    });
    await it("is refused for a verified or another's address", async () => {
      assertError(await client.sendVerificationEmail({ email }), 400, "EMAIL_ALREADY_VERIFIED");
      assertError(await client.sendVerificationEmail({ email: other.email }), 400, "EMAIL_MISMATCH");
    });
    await it("tells a visitor nothing", async () => {
      const { client: visitor } = browser();
      for (const address of [email, other.email, newEmail()]) {
        assertEqual(await visitor.sendVerificationEmail({ email: address }), { data: { status: true }, error: null }, address);
      }
    });
    await it("needs an e-mail address and a token", async () => {
      for (const json of [{}, { email: "x" }, { email: 1 }]) {
        assertError(await post("send-verification-email", { json, origin: ORIGIN }), 400, "VALIDATION_ERROR");
      }
      assertError(await get("verify-email"), 400, "VALIDATION_ERROR");
    });
    await it("refuses a bad token", async () => {
      for (const bad of ["x", "", corrupted(token), "a.b.c"]) {
        assertError(await get(`verify-email?token=${bad}`), 401, "INVALID_TOKEN", "Invalid token");
      }
      const { status, headers } = await get("verify-email?token=x&callbackURL=/a%3Fb%3D1");
      assertEqual([status, headers.location], [302, "/a?b=1&error=INVALID_TOKEN"], "status and Location");
    });
    await it("refuses a foreign callback", async () => {
      const json = { email, callbackURL: `${FOREIGN}/x` };
      assertError(await post("send-verification-email", { json, origin: ORIGIN }), 403, "INVALID_CALLBACK_URL");
      const followed = await get(`verify-email?token=${token}&callbackURL=${FOREIGN}/x`);
      assertError(followed, 403, "INVALID_CALLBACK_URL");
      assertError(
        await post("change-email", { json: { newEmail: newEmail(), callbackURL: FOREIGN }, cookie: cookie(), origin: ORIGIN }),
        403,
        "INVALID_CALLBACK_URL",
      );
    });
  });

  await scenario("change-email", async (it) => {
    const { client, email, cookie, user } = await signUp();
    const other = await signUp();
    const first = newEmail();
    const tokens = [];
    await it("of an unverified address mails a link to the new one", async () => {
      const offset = mailSize();
      assertStatus(await client.changeEmail({ newEmail: first, callbackURL: "/settings" }), 200, { status: true });
      tokens.push(new URL(await mailedLink(first, offset, "verify-email")).searchParams.get("token"));
      assertEqual((await client.getSession()).data.user.email, email, "the e-mail before");
    });
    await it("is refused to a session of another user", async () => {
      const followed = await get(`verify-email?token=${tokens[0]}`, { cookie: other.cookie() });
      assertError(followed, 401, "INVALID_USER", "Invalid user");
      const { headers } = await get(`verify-email?token=${tokens[0]}&callbackURL=/x`, { cookie: other.cookie() });
      assertEqual(headers.location, "/x?error=INVALID_USER", "Location");
    });
    await it("changes the address, and the session stays", async () => {
      const { data } = await client.verifyEmail({ query: { token: tokens[0] } });
      assertEqual([data.status, data.user.id, data.user.email, data.user.emailVerified], [true, user.id, first, true], "data");
      const session = (await client.getSession()).data;
      assertEqual([session.user.email, session.user.emailVerified], [first, true], "user");
      assertError(await post("sign-in/email", { json: { email, password: PASSWORD } }), 401, "INVALID_EMAIL_OR_PASSWORD");
      assertStatus(await post("sign-in/email", { json: { email: first, password: PASSWORD } }), 200);
    });
    await it("by a used link changes nothing", async () => {
      const response = await get(`verify-email?token=${tokens[0]}`);
      if (!env.EXTENSIONS) return assertError(response, 401, "USER_NOT_FOUND", "User not found");
      // The reader whose mail scanner was first gets the same answer.
      assertEqual([response.status, response.json.user.email], [200, first], "status and e-mail");
    });
    await it("of a verified address asks the old one first", async () => {
      const [offset, second] = [mailSize(), newEmail()];
      assertStatus(await client.changeEmail({ newEmail: second, callbackURL: "/settings" }), 200, { status: true });
      const confirmation = await mailedLink(first, offset, "verify-email");
      const later = mailSize();
      const confirmed = await get(confirmation, { cookie: cookie() });
      assertEqual([confirmed.status, confirmed.headers.location], [302, "/settings"], "status and Location");
      assertEqual((await client.getSession()).data.user.email, first, "the e-mail before");
      const link = await mailedLink(second, later, "verify-email");
      const changed = await get(link, { cookie: cookie() });
      assertEqual([changed.status, changed.headers.location], [302, "/settings"], "status and Location");
      assert(COOKIE in changed.cookies, "the session's cookie is not sent again");
      assertEqual((await client.getSession()).data.user.email, second, "the e-mail after");
      // A link of the first address is of no use any more.
      assertError(await get(`verify-email?token=${tokens[0]}`), 401, "USER_NOT_FOUND");
    });
    await it("to a taken address mails nothing and tells nothing", async () => {
      const offset = mailSize();
      const visitor = await signUp();
      assertStatus(await visitor.client.changeEmail({ newEmail: other.email }), 200, { status: true });
      await sleep(300);
      assertEqual(mailed([visitor.email, other.email], offset), [], "the addresses with a mail");
    });
    await it("to an address that is taken meanwhile changes nothing", async () => {
      const [visitor, address, offset] = [await signUp(), newEmail(), mailSize()];
      assertStatus(await visitor.client.changeEmail({ newEmail: address }), 200, { status: true });
      const token = new URL(await mailedLink(address, offset, "verify-email")).searchParams.get("token");
      const owner = browser();
      await owner.client.signUp.email({ name: "Eve", email: address, password: PASSWORD });
      const response = await get(`verify-email?token=${token}`);
      // Better Auth's memory database has no unique index, so this is checked for this service only.
      if (!env.EXTENSIONS) return;
      assertError(response, 401, "USER_ALREADY_EXISTS");
      assertEqual((await visitor.client.getSession()).data.user.email, visitor.email, "e-mail");
    });
    await it("to the same address is refused", async () => {
      const same = (await client.getSession()).data.user.email.toUpperCase();
      assertError(await client.changeEmail({ newEmail: same }), 400, undefined, "Email is the same");
    });
    await it("needs an e-mail address and a session", async () => {
      for (const json of [{}, { newEmail: "x" }, { newEmail: 1 }]) {
        assertError(await post("change-email", { json, cookie: cookie(), origin: ORIGIN }), 400, "VALIDATION_ERROR");
      }
      assertError(await browser().client.changeEmail({ newEmail: newEmail() }), 401, "UNAUTHORIZED");
    });
  });

  await scenario("sign-out", async (it) => {
    const visitor = await signUp();
    const other = await signIn(visitor.email);
    const before = visitor.cookie();
    await it("through the client ends the session", async () => {
      assertStatus(await visitor.client.signOut(), 200, { success: true });
      await assertSignedOut(visitor.client);
      assertEqual(visitor.jar, {}, "cookies that are left");
      await assertNoSession({ cookie: before });
    });
    await it("ends the presented session only", () => assertSession({ cookie: other.cookie }, "the other session"));
    await it("expires the cookies, with and without rememberMe", async () => {
      for (const rememberMe of [true, false]) {
        const { cookie } = await signIn(visitor.email, PASSWORD, { rememberMe });
        const response = await post("sign-out", { json: {}, cookie, origin: ORIGIN });
        assertStatus(response, 200, { success: true });
        assert(isExpired(response.cookies[COOKIE]), `cookies set: ${show(response.cookies)}`);
        assert(isExpired(response.cookies[DONT_REMEMBER]), `cookies set: ${show(response.cookies)}`);
        assertEqual(response.headers["set-auth-token"], undefined, "set-auth-token");
        await assertNoSession({ cookie });
      }
    });
    await it("accepts a bearer token and no body", async () => {
      assertStatus(await post("sign-out", { bearer: other.signed }), 200, { success: true });
      await assertNoSession({ bearer: other.signed });
      await assertNoSession({ cookie: other.cookie }, "its cookie");
    });
    await it("works for the client with a bearer token", async () => {
      const { client } = bearerClient();
      assertStatus(await client.signIn.email({ email: visitor.email, password: PASSWORD }), 200);
      assertStatus(await client.signOut(), 200, { success: true });
      await assertSignedOut(client);
    });
    await it("succeeds without a session, and twice", async () => {
      assertStatus(await post("sign-out", {}), 200, { success: true });
      assertStatus(await post("sign-out", { json: {} }), 200, { success: true });
      assertStatus(await post("sign-out", { bearer: other.signed }), 200, { success: true });
      assertStatus(await visitor.client.signOut(), 200, { success: true });
    });
  });

  await scenario("jwt", async (it) => {
    const visitor = await signUp();
    const { signed, user } = await signIn(visitor.email);
    const token = await it("comes from /token by cookie and verifies by the JWKS", async () => {
      const { data, error } = await visitor.client.token();
      assertEqual(error, null, "error");
      await verifyToken(data.token, user);
      return data.token;
    });
    await it("comes from /token by bearer", async () => {
      await verifyToken((await get("token", { bearer: signed })).json.token, user);
    });
    await it("contains the user's fields", async () => {
      const claims = decodePart(token, 1);
      const { id, email, name, emailVerified } = user;
      assertEqual(pick(claims, { id, email, name, emailVerified }), { id, email, name, emailVerified }, "claims");
    });
    await it("is 401 without a session", async () =>
      assertError(await get("token"), 401, "UNAUTHORIZED", "Unauthorized"),
    );
    await it("is no session", () => assertNoSession({ bearer: token }, "a JWT of /token"));
    await it("does not verify with a changed payload", async () => {
      const [head, , signature] = token.split(".");
      const forged = Buffer.from(JSON.stringify({ ...decodePart(token, 1), sub: "somebody" })).toString("base64url");
      await assert.rejects(verifyToken(`${head}.${forged}.${signature}`, { id: "somebody" }), /does not verify/);
    });
    await it("comes in set-auth-jwt of get-session, exposed", async () => {
      const response = await get("get-session", { bearer: signed });
      assertExposed(response, "set-auth-jwt");
      await verifyToken(response.headers["set-auth-jwt"], user);
    });
    await it("is not returned without a session", async () => {
      const response = await get("get-session");
      assertEqual([response.status, response.headers["set-auth-jwt"]], [200, undefined], "status and set-auth-jwt");
    });
    await it("has a JWKS of public Ed25519 keys", async () => {
      const response = await get("jwks");
      assertStatus(response, 200);
      assert(response.json.keys.length > 0, "there are no keys");
      for (const key of response.json.keys) {
        assertEqual([key.kty, key.crv, key.alg], ["OKP", "Ed25519", "EdDSA"], "kty, crv, alg");
        assertEqual([typeof key.kid, typeof key.x, "d" in key], ["string", "string", false], "kid, x, d");
      }
    });
    await it("has a JWKS that the client can read", async () => {
      const { data } = await browser().client.jwks();
      assertEqual(data.keys[0].kty, "OKP", "kty");
    });
    await it("is not issued after a sign-out", async () => {
      const gone = await signIn(visitor.email);
      await post("sign-out", { bearer: gone.signed });
      assertError(await get("token", { bearer: gone.signed }), 401, "UNAUTHORIZED");
    });
  });

  await scenario("origin", async (it) => {
    const { email } = await signUp();
    const { cookie, signed, token } = await signIn(email);
    const credentials = { email, password: PASSWORD };
    const update = (options) => post("update-user", { json: { name: "Ada" }, ...options });
    // Better Auth also refuses clients that are not browsers. This service refuses only what a browser sends.
    const onlyBetterAuth = env.EXTENSIONS ? async () => {} : it;
    await onlyBetterAuth("with a cookie must be there", async () => {
      assertError(await update({ cookie }), 403, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin");
    });
    await it("with a cookie must not be null", async () => {
      assertError(await update({ cookie, origin: "null" }), 403, "MISSING_OR_NULL_ORIGIN");
    });
    for (const origin of [FOREIGN, `${ORIGIN}.evil.example`, `${OWN_ORIGIN}0`, ORIGIN.replace("http:", "https:")]) {
      await it(`${origin.replace(OWN_ORIGIN, "<base>")} with a cookie is INVALID_ORIGIN`, async () => {
        assertError(await update({ cookie, origin }), 403, "INVALID_ORIGIN", "Invalid origin");
      });
    }
    await it("with a cookie may be the server's own or a trusted one", async () => {
      assertStatus(await update({ cookie, origin: OWN_ORIGIN }), 200, { status: true });
      assertStatus(await update({ cookie, origin: ORIGIN }), 200, { status: true });
    });
    await onlyBetterAuth("may be told by the Referer", async () => {
      assertStatus(await update({ cookie, headers: { referer: `${ORIGIN}/settings` } }), 200, { status: true });
      assertError(await update({ cookie, headers: { referer: `${FOREIGN}/x` } }), 403, "INVALID_ORIGIN");
    });
    await onlyBetterAuth("is asked for beside any cookie, also with a bearer token", async () => {
      assertError(await update({ cookie: "theme=dark", bearer: signed, origin: FOREIGN }), 403, "INVALID_ORIGIN");
    });
    await it("is asked for at sign-out too, and the session lives", async () => {
      assertError(await post("sign-out", { json: {}, cookie, origin: FOREIGN }), 403, "INVALID_ORIGIN");
      await assertSession({ cookie });
    });
    await it("does not matter to a bearer token", async () => {
      for (const bearer of [signed, token]) {
        assertStatus(await update({ bearer, origin: FOREIGN }), 200, { status: true });
        assertStatus(await update({ bearer, origin: "null" }), 200, { status: true });
        assertStatus(await update({ bearer }), 200, { status: true });
      }
    });
    await it("is not asked for at sign-in from the command line", async () => {
      assertStatus(await post("sign-in/email", { json: credentials }), 200);
      assertStatus(await post("sign-in/email", { form: credentials }), 200);
    });
    await it("foreign is refused at sign-in without a cookie too", async () => {
      assertError(await post("sign-in/email", { json: credentials, origin: FOREIGN }), 403, "INVALID_ORIGIN");
      assertError(await post("sign-in/email", { form: credentials, origin: FOREIGN }), 403, "INVALID_ORIGIN");
      const beside = await post("sign-in/email", { json: credentials, bearer: signed, origin: FOREIGN });
      assertError(beside, 403, "INVALID_ORIGIN");
    });
    await onlyBetterAuth("is asked for at sign-out and with a Sec-Fetch header", async () => {
      const headers = { "sec-fetch-mode": "cors" };
      assertError(await post("sign-in/email", { json: credentials, headers }), 403, "MISSING_OR_NULL_ORIGIN");
      assertError(await post("sign-out", { json: {}, cookie }), 403, "MISSING_OR_NULL_ORIGIN");
    });
    await it("may be a trusted one beside a Sec-Fetch header", async () => {
      const headers = { "sec-fetch-mode": "cors" };
      assertStatus(await post("sign-in/email", { json: credentials, headers, origin: ORIGIN }), 200);
    });
    await it("cannot help a sign-in by cross-site navigation", async () => {
      const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
      for (const path of ["sign-in/email", "sign-up/email"]) {
        for (const origin of [FOREIGN, ORIGIN, undefined]) {
          const response = await post(path, { form: { ...credentials, name: "Ada" }, headers, origin });
          assertError(response, 403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
          assertEqual(response.cookies, {}, "cookies");
        }
      }
    });
  });

  await scenario("routes", async (it) => {
    await it("GET /ok is ok", async () => {
      const response = await get("ok");
      assertStatus(response, 200);
      assertEqual(response.json, { ok: true }, "body");
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
      await it(`${method} /api/auth/${path} is not found`, async () => {
        const response = await send(method, path, method === "POST" ? { json: {} } : {});
        if (!env.EXTENSIONS) return assertEqual([response.status, response.text], [404, ""], "status and body");
        assert([404, 405].includes(response.status), `status is ${response.status}`);
        assertEqual(response.json.status, response.status, "status in the problem");
        assertEqual("allow" in response.headers, response.status === 405, "Allow");
      });
    }
    await it("that do not exist are a 404 for the client", async () => {
      const { data, error } = await browser().client.$fetch("/nothing");
      assertEqual([data, error?.status], [null, 404], "data and status");
    });
  });

  await scenario("api key", async (it) => {
    const { client, user, cookie } = await signUp();
    const { data: created } = await it("is created, with a name and an expiry", async () => {
      const result = await client.apiKey.create({ name: "nightly backup", expiresIn: (2 * DAY) / 1_000 });
      const { id: referenceId } = user;
      const members = { name: "nightly backup", enabled: true, referenceId, configId: "default", lastRequest: null };
      assertStatus(result, 200, members);
      assert(result.data.key.length >= 64, `key has ${result.data.key.length} characters`);
      assert(result.data.key.startsWith(result.data.start), "start is not the start of the key");
      assertNear(result.data.createdAt, Date.now(), 2_000, "createdAt");
      assertNear(result.data.expiresAt, Date.now() + 2 * DAY, 2_000, "expiresAt");
      return result;
    });
    const { key, ...shown } = created;
    await it("needs neither a name nor an expiry", async () =>
      assertStatus(await client.apiKey.create({}), 200, { name: null, expiresAt: null }));
    await it("has the same properties everywhere", async () => {
      const expected = [
        ...["configId", "createdAt", "enabled", "expiresAt", "id", "lastRefillAt", "lastRequest", "metadata", "name"],
        ...["permissions", "prefix", "rateLimitEnabled", "rateLimitMax", "rateLimitTimeWindow", "referenceId"],
        ...["refillAmount", "refillInterval", "remaining", "requestCount", "start", "updatedAt"],
      ];
      assertEqual(Object.keys(shown).sort(), expected, "properties");
      assertTimestamps((await get("api-key/list", { cookie: cookie() })).json);
    });
    await it("is listed without its text", async () => {
      const { data } = await client.apiKey.list();
      assertEqual([data.total, data.apiKeys.length], [2, 2], "total and length");
      assertEqual(data.apiKeys.find(({ id }) => id === shown.id), shown, "the key");
    });
    await it("list has pages", async () => {
      const query = { limit: 1, offset: 1, sortBy: "createdAt", sortDirection: "desc" };
      const { data } = await client.apiKey.list({ query });
      assertEqual([data.total, data.limit, data.offset], [2, 1, 1], "total, limit and offset");
      assertEqual(data.apiKeys.map(({ id }) => id), [shown.id], "ids");
    });
    await it("is read by its id", async () => {
      assertEqual((await client.apiKey.get({ query: { id: shown.id } })).data, shown, "the key");
    });
    await it("is renamed and disabled", async () => {
      const changed = await client.apiKey.update({ keyId: shown.id, name: "renamed", enabled: false });
      assertStatus(changed, 200, { id: shown.id, name: "renamed", enabled: false });
      assertEqual("key" in changed.data, false, "key is in the response");
      assertStatus(await client.apiKey.get({ query: { id: shown.id } }), 200, { name: "renamed", enabled: false });
    });
    await it("gets another expiry, or none", async () => {
      const { data } = await client.apiKey.update({ keyId: shown.id, expiresIn: (9 * DAY) / 1_000 });
      assertNear(data.expiresAt, Date.now() + 9 * DAY, 2_000, "expiresAt");
      assertStatus(await client.apiKey.update({ keyId: shown.id, expiresIn: null }), 200, { expiresAt: null });
    });
    for (const [name, input, code] of [
      ["a long name", { name: "x".repeat(65) }, "INVALID_NAME_LENGTH"],
      ["a short life", { expiresIn: 60 }, "EXPIRES_IN_IS_TOO_SMALL"],
      ["a long life", { expiresIn: 366 * 86_400 }, "EXPIRES_IN_IS_TOO_LARGE"],
      ["a number of uses", { remaining: 5 }, "SERVER_ONLY_PROPERTY"],
      ["a rate limit", { rateLimitMax: 5 }, "SERVER_ONLY_PROPERTY"],
      ["a name of another type", { name: 7 }, "VALIDATION_ERROR"],
      ["permissions of another type", { permissions: "all" }, "VALIDATION_ERROR"],
    ]) {
      await it(`with ${name} is 400`, async () => {
        assertError(await client.apiKey.create(input), 400, code);
        assertError(await client.apiKey.update({ keyId: shown.id, ...input }), 400, code);
      });
    }
    await it("with metadata is 400", async () =>
      assertError(await client.apiKey.create({ metadata: { a: 1 } }), 400, "METADATA_DISABLED", "Metadata is disabled."));
    await it("without a change is 400", async () =>
      assertError(await client.apiKey.update({ keyId: shown.id }), 400, "NO_VALUES_TO_UPDATE", "No values to update."));
    await it("of an unknown id is 404", async () => {
      for (const [method, input] of [["update", { keyId: "none", name: "x" }], ["delete", { keyId: "none" }]]) {
        assertError(await client.apiKey[method](input), 404, "KEY_NOT_FOUND", "API Key not found");
      }
      assertError(await client.apiKey.get({ query: { id: "none" } }), 404, "KEY_NOT_FOUND");
    });
    await it("of another user is 404", async () => {
      const { client: other } = await signUp();
      assertError(await other.apiKey.get({ query: { id: shown.id } }), 404, "KEY_NOT_FOUND");
      assertError(await other.apiKey.update({ keyId: shown.id, name: "x" }), 404, "KEY_NOT_FOUND");
      assertError(await other.apiKey.delete({ keyId: shown.id }), 404, "KEY_NOT_FOUND");
      assertStatus(await other.apiKey.list(), 200, { apiKeys: [], total: 0 });
    });
    await it("without an id is 400", async () => {
      assertError(await client.apiKey.delete({}), 400, "VALIDATION_ERROR");
      assertError(await client.apiKey.get(), 400, "VALIDATION_ERROR");
    });
    await it("without a session is 401", async () => {
      const { client: nobody } = browser();
      const message = "Unauthorized or invalid session";
      assertError(await nobody.apiKey.create({}), 401, "UNAUTHORIZED_SESSION", message);
      assertError(await nobody.apiKey.update({ keyId: shown.id, name: "x" }), 401, "UNAUTHORIZED_SESSION", message);
      assertError(await nobody.apiKey.list(), 401, "UNAUTHORIZED");
      assertError(await nobody.apiKey.get({ query: { id: shown.id } }), 401, "UNAUTHORIZED");
      assertError(await nobody.apiKey.delete({ keyId: shown.id }), 401, "UNAUTHORIZED");
    });
    await it("is no session", async () => {
      for (const credential of [{ bearer: key }, { headers: { "x-api-key": key } }]) {
        await assertNoSession(credential, "the key");
      }
    });
    await it("of a page on an untrusted origin is 403", async () => {
      const response = await post("api-key/create", { json: {}, cookie: cookie(), origin: FOREIGN });
      assertError(response, 403, "INVALID_ORIGIN");
    });
    await it("is deleted once", async () => {
      assertStatus(await client.apiKey.delete({ keyId: shown.id }), 200, { success: true });
      assertError(await client.apiKey.delete({ keyId: shown.id }), 404, "KEY_NOT_FOUND");
      assertEqual((await client.apiKey.list()).data.total, 1, "total");
    });
  });
}

// --- What every Better Auth server does that requires a verified address ---------------------------------------------

async function verificationScenarios() {
  await scenario("required verification", async (it) => {
    const [email, offset] = [newEmail(), mailSize()];
    const account = { name: "Ada", email, password: PASSWORD };
    const visitor = browser();
    const signedUp = await it("of a sign-up opens no session", async () => {
      const { data, error } = await visitor.client.signUp.email({ ...account, callbackURL: "/welcome" });
      assertEqual([error, data.token, data.user.email, data.user.emailVerified], [null, null, email, false], "data");
      assertEqual([visitor.jar, visitor.seen.headers.get("set-auth-token")], [{}, null], "cookies and token");
      return data;
    });
    const link = await mailedLink(email, offset, "verify-email");
    await it("of a second sign-up tells nothing", async () => {
      const response = await post("sign-up/email", { json: { ...account, name: "Eve" }, origin: ORIGIN });
      assertStatus(response, 200, { token: null });
      const { id, createdAt, updatedAt, ...user } = response.json.user;
      assert(id && id !== signedUp.user.id, "the id is that of the account");
      assertTimestamps(response.json);
      assertEqual(user, { name: "Eve", email, emailVerified: false, image: null }, "user");
      assertEqual(response.cookies, {}, "cookies");
    });
    await it("of a sign-in is 403, and mails the link again", async () => {
      const before = mailSize();
      const { error } = await visitor.client.signIn.email({ email, password: PASSWORD, callbackURL: "/in" });
      assertEqual([error.status, error.code, error.message], [403, "EMAIL_NOT_VERIFIED", "Email not verified"], "error");
      await mailedLink(email, before, "verify-email", "callbackURL=%2Fin");
    });
    await it("of a wrong password stays 401", async () => {
      const response = await post("sign-in/email", { json: { email, password: OTHER_PASSWORD } });
      assertError(response, 401, "INVALID_EMAIL_OR_PASSWORD");
    });
    await it("by the link permits the sign-in", async () => {
      const { status, headers, cookies } = await get(link);
      assertEqual([status, headers.location, cookies], [302, "/welcome", {}], "status, Location and cookies");
      const { data } = await visitor.client.signIn.email({ email, password: PASSWORD });
      assertEqual([data.user.id, data.user.emailVerified], [signedUp.user.id, true], "user");
    });
  });

  await scenario("mailed deletion", async (it) => {
    const [email, offset] = [newEmail(), mailSize()];
    const visitor = browser();
    await visitor.client.signUp.email({ name: "Ada", email, password: PASSWORD });
    await get(await mailedLink(email, offset, "verify-email"));
    await visitor.client.signIn.email({ email, password: PASSWORD });
    const before = mailSize();
    // This service deletes the account at once if the password is given.
    const onlyBetterAuth = env.EXTENSIONS ? async () => {} : it;
    const mailed = { success: true, message: "Verification email sent" };
    await onlyBetterAuth("mails a link despite the password", async () => {
      assertStatus(await visitor.client.deleteUser({ password: PASSWORD, callbackURL: "/goodbye" }), 200, mailed);
    });
    await it("mails a link", async () => {
      assertStatus(await visitor.client.deleteUser({ callbackURL: "/goodbye" }), 200, mailed);
      assertError(await visitor.client.deleteUser({ password: OTHER_PASSWORD }), 400, "INVALID_PASSWORD");
      assert((await visitor.client.getSession()).data, "the session has ended");
    });
    const link = await mailedLink(email, before, "delete-user/callback");
    await it("needs a session", async () => {
      assertError(await get(link), 404, "FAILED_TO_GET_USER_INFO", "Failed to get user info");
    });
    await it("needs a good token", async () => {
      const mine = { cookie: visitor.cookie() };
      assertError(await get("delete-user/callback?token=x&callbackURL=/x", mine), 404, "INVALID_TOKEN", "Invalid token");
      assertError(await visitor.client.deleteUser({ token: "x" }), 404, "INVALID_TOKEN");
      assertError(await get(`delete-user/callback?token=x&callbackURL=${FOREIGN}`, mine), 403, "INVALID_CALLBACK_URL");
    });
    await it("deletes the account", async () => {
      const { status, headers, cookies } = await get(link, { cookie: visitor.cookie() });
      assertEqual([status, headers.location], [302, "/goodbye"], "status and Location");
      assert(isExpired(cookies[COOKIE]), "the cookie is not deleted");
      await assertSignedOut(visitor.client);
      assertError(await post("sign-in/email", { json: { email, password: PASSWORD } }), 401, "INVALID_EMAIL_OR_PASSWORD");
    });
    await it("may be finished by the client", async () => {
      const [address, start] = [newEmail(), mailSize()];
      const { client } = browser();
      await client.signUp.email({ name: "Ada", email: address, password: PASSWORD });
      await get(await mailedLink(address, start, "verify-email"));
      await client.signIn.email({ email: address, password: PASSWORD });
      const later = mailSize();
      await client.deleteUser({});
      const token = new URL(await mailedLink(address, later, "delete-user/callback")).searchParams.get("token");
      assertStatus(await client.deleteUser({ token }), 200, { success: true, message: "User deleted" });
    });
  });
}

// --- What this service adds ------------------------------------------------------------------------------------------

const tasks = (user, credential) => get(`/api/${user.id}/tasks`, credential);

async function assertTasks(user, credential, name) {
  const response = await tasks(user, credential);
  assertEqual(response.status, 200, `status of the tasks for ${name}`);
  assert(Array.isArray(response.json), `tasks are ${response.text}`);
}

/** Send six requests, so that every worker gets one. */
async function assertUnauthorized(user, credential, name) {
  for (let attempt = 0; attempt < 6; attempt += 1) {
    const response = await tasks(user, credential);
    assertEqual(response.status, 401, `status of the tasks for ${name}`);
    assertMatches(response.headers["www-authenticate"], /^Bearer\b/, "WWW-Authenticate");
    assertEqual(typeof response.json?.detail, "string", "type of detail");
  }
}

const refresh = (refresh_token, how = "json") => post("refresh", { [how]: { refresh_token } });

/** Assert that the response is that of a sign-in: the user and all credentials. */
function assertSignedIn(response, user) {
  assertStatus(response, 200, { token_type: "bearer", redirect: false });
  assertEqual(response.json.user.id, user.id, "user");
  assertEqual(response.json.token.split(".").length, 3, "parts of the token");
  assertEqual(response.json.refresh_token.split(".").length, 3, "parts of the refresh token");
  assert(response.json.expires_in > 0, `expires_in is ${response.json.expires_in}`);
}

/** Assert that the tasks and get-session reject all credentials of the sign-in. */
async function assertRevoked({ user, cookie, token, signed, response }) {
  await assertUnauthorized(user, { bearer: token }, "the JWT");
  await assertUnauthorized(user, { bearer: signed }, "the opaque token");
  for (const [name, credential] of [
    ["the JWT", { bearer: token }],
    ["the opaque token", { bearer: signed }],
    ["the cookie", { cookie }],
  ]) {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await assertNoSession(credential, name);
    }
  }
  assertEqual((await refresh(response.json.refresh_token)).status, 401, "status of the refresh");
}

async function serviceScenarios() {
  // This waits for the end of the grace period, and is checked last.
  const title = "refresh, late";
  const late = (async () => {
    if (env.ONLY && !title.includes(env.ONLY)) {
      return undefined;
    }
    const { email } = await signUp();
    const first = await signIn(email);
    const second = (await refresh(first.response.json.refresh_token)).json;
    const third = (await refresh(second.refresh_token)).json;
    await tasks(first.user, { bearer: third.token });
    await sleep((Number(env.GRACE || 10) + 1) * 1_000);
    return { first, second, third, reused: await refresh(first.response.json.refresh_token) };
  })();
  late.catch(() => {}); // the last scenario awaits it

  await scenario("credentials", async (it) => {
    const { email } = await signUp();
    const { response, cookie, token, signed, user } = await signIn(email);
    await it("are in the sign-in's body, by JSON and by form", async () => {
      assertSignedIn(response, user);
      assertSignedIn(await post("sign-in/email", { form: { email, password: PASSWORD } }), user);
    });
    await it("reach the client, with the refresh_token", async () => {
      const { data } = await browser().client.signIn.email({ email, password: PASSWORD });
      assertEqual([typeof data?.refresh_token, data?.token_type], ["string", "bearer"], "refresh_token and token_type");
    });
    await it("JWT is accepted by the tasks", () => assertTasks(user, { bearer: token }, "the JWT"));
    await it("set-auth-token is accepted by the tasks, also URL-encoded", async () => {
      await assertTasks(user, { bearer: signed }, "the opaque token");
      await assertTasks(user, { bearer: encodeURIComponent(signed) }, "the opaque token, URL-encoded");
    });
    await it("set-auth-token with a bad signature is rejected", () =>
      assertUnauthorized(user, { bearer: corrupted(signed) }, "a bad signature"));
    await it("refresh token is rejected", async () => {
      await assertUnauthorized(user, { bearer: response.json.refresh_token }, "the refresh token");
      await assertNoSession({ bearer: response.json.refresh_token }, "the refresh token");
    });
    await it("cookie is accepted by auth routes only", async () => {
      await assertSession({ cookie });
      await assertUnauthorized(user, { cookie, origin: ORIGIN }, "the cookie");
    });
    await it("are 403 for another user's tasks", async () => {
      const other = await signUp();
      for (const bearer of [token, signed]) {
        assertEqual((await tasks(other.user, { bearer })).status, 403, "status");
      }
    });
    await it("are not cacheable", async () =>
      assertMatches(response.headers["cache-control"], /no-store/, "Cache-Control"),
    );
  });

  await scenario("refresh", async (it) => {
    const { email } = await signUp();
    const { response, token, signed, user } = await signIn(email);
    for (const how of ["json", "form"]) {
      await it(`by ${how} returns the sign-in body with new tokens, which the tasks accept`, async () => {
        const { response: before } = await signIn(email);
        const renewed = await refresh(before.json.refresh_token, how);
        assertSignedIn(renewed, user);
        assert.notEqual(renewed.json.token, before.json.token);
        assert.notEqual(renewed.json.refresh_token, before.json.refresh_token);
        await assertTasks(user, { bearer: renewed.json.token }, "the new JWT");
        await assertSession({ bearer: renewed.json.token }, "the new JWT");
        assertSignedIn(await refresh(renewed.json.refresh_token), user);
      });
    }
    await it("works through the client", async () => {
      const { client } = bearerClient();
      const { data: before } = await client.signIn.email({ email, password: PASSWORD });
      const body = { refresh_token: before.refresh_token };
      const { data: after } = await client.$fetch("/refresh", { method: "POST", body });
      assertEqual([after?.user.id, after?.token_type], [user.id, "bearer"], "user and token_type");
      assertEqual((await client.getSession()).data?.user.id, user.id, "the session's user");
    });
    await it("keeps the session", async () => {
      const { response: before } = await signIn(email);
      const renewed = await refresh(before.json.refresh_token);
      const tokens = [before.json.token, renewed.json.token];
      const ids = tokens.map(async (bearer) => (await sessionOf({ bearer })).session.id);
      assertEqual(new Set(await Promise.all(ids)).size, 1, "number of sessions");
    });
    for (const [name, credential] of [
      ["the access token", token],
      ["the opaque token", signed],
      ["nonsense", "nonsense"],
      ["a bad signature", corrupted(response.json.refresh_token)],
    ]) {
      await it(`by ${name} is 401`, async () => {
        const refusal = await refresh(credential);
        assertEqual(refusal.status, 401, "status");
        assertMatches(refusal.headers["www-authenticate"], /^Bearer\b/, "WWW-Authenticate");
      });
    }
    await it("with one token 20 times in parallel is 200 or 401", async () => {
      const { response: before } = await signIn(email);
      const responses = await Promise.all(Array.from({ length: 20 }, () => refresh(before.json.refresh_token)));
      const statuses = responses.map(({ status }) => status);
      assertEqual(statuses.filter((status) => status !== 200 && status !== 401), [], "odd statuses");
      const good = responses.filter(({ status }) => status === 200);
      assert(good.length > 0, "none is 200");
      await assertTasks(user, { bearer: good.at(-1).json.token }, "a new JWT");
    });
  });

  await scenario("api key of this service", async (it) => {
    const { client, user } = await signUp();
    const create = async (input) => {
      const { data, error } = await client.apiKey.create(input);
      assert.equal(error, null, `the key was not created: ${show(error)}`);
      return data;
    };
    const { key, permissions } = await create({});
    const { id, key: reader } = await create({ permissions: { tasks: ["read"] } });
    await it("has every permission on tasks, or those that the client chooses", async () => {
      assertEqual(permissions, { tasks: ["read", "write"] }, "permissions");
      assertStatus(await client.apiKey.get({ query: { id } }), 200, { permissions: { tasks: ["read"] } });
    });
    await it("opens the tasks, as a bearer token and in a header of its own", async () => {
      await assertTasks(user, { bearer: key }, "the key");
      await assertTasks(user, { headers: { "x-api-key": key } }, "the key");
    });
    await it("without the permission to write is 403 with a challenge", async () => {
      const response = await post(`/api/${user.id}/tasks`, { json: { title: "x" }, bearer: reader });
      assertError(response, 403, "INSUFFICIENT_SCOPE");
      const challenge = 'Bearer error="insufficient_scope", scope="tasks:write"';
      assertEqual(response.headers["www-authenticate"], challenge, "WWW-Authenticate");
      await assertTasks(user, { bearer: reader }, "the key");
    });
    await it("gets another permission, at once", async () => {
      const widened = await client.apiKey.update({ keyId: id, permissions: { tasks: ["write"] } });
      assertStatus(widened, 200, { permissions: { tasks: ["write"] } });
      assertEqual((await tasks(user, { bearer: reader })).status, 403, "status of a read");
    });
    await it("shows the day of its last use", async () => {
      const { data } = await client.apiKey.get({ query: { id } });
      assertNear(data.lastRequest, Date.now(), DAY, "lastRequest");
    });
    await it("that is disabled or deleted is refused at once", async () => {
      assertStatus(await client.apiKey.update({ keyId: id, enabled: false }), 200, { enabled: false });
      await assertUnauthorized(user, { bearer: reader }, "the disabled key");
      assertStatus(await client.apiKey.delete({ keyId: id }), 200, { success: true });
      await assertUnauthorized(user, { bearer: reader }, "the deleted key");
    });
  });

  await scenario("refresh by the cookie", async (it) => {
    const { email } = await signUp();
    const { cookie, user, signed } = await signIn(email);
    await it("returns an access token and no refresh token", async () => {
      const response = await post("refresh", { cookie, origin: ORIGIN });
      assertStatus(response, 200, { token_type: "bearer", expires_in: 3600 });
      assertEqual(Object.keys(response.json).sort(), ["expires_in", "token", "token_type", "user"], "members");
      await assertTasks(user, { bearer: response.json.token }, "the token");
    });
    await it("works through the client", async () => {
      const visitor = await signInBrowser(email);
      const { data } = await visitor.client.$fetch("/refresh", { method: "POST" });
      await assertTasks(user, { bearer: data.token }, "the token");
    });
    await it("of a page on an untrusted origin is 403", async () =>
      assertError(await post("refresh", { cookie, origin: FOREIGN }), 403, "INVALID_ORIGIN"));
    await it("is 401 after the end of the session", async () => {
      const { token } = (await post("refresh", { cookie, origin: ORIGIN })).json;
      assertStatus(await post("sign-out", { bearer: signed }), 200);
      assertEqual((await post("refresh", { cookie, origin: ORIGIN })).status, 401, "status");
      await assertUnauthorized(user, { bearer: token }, "the token");
    });
  });

  await scenario("end of a session", async (it) => {
    const { email } = await signUp();
    for (const [name, by] of [
      ["JWT", ({ token }) => ({ bearer: token })],
      ["opaque token", ({ signed }) => ({ bearer: signed })],
      ["cookie", ({ cookie }) => ({ cookie, origin: ORIGIN })],
    ]) {
      await it(`by a sign-out with the ${name} revokes every credential at once`, async () => {
        const credentials = await signIn(email);
        await assertTasks(credentials.user, { bearer: credentials.token }, "the JWT");
        assertStatus(await post("sign-out", { json: {}, ...by(credentials) }), 200, { success: true });
        await assertRevoked(credentials);
      });
    }
    await it("by revoke-session revokes every credential at once", async () => {
      const [mine, other] = [await signIn(email), await signIn(email)];
      const { session } = await sessionOf({ bearer: other.token });
      const response = await post("revoke-session", { json: { token: session.token }, bearer: mine.token });
      assertStatus(response, 200, { status: true });
      await assertRevoked(other);
      await assertTasks(mine.user, { bearer: mine.token }, "the session that revoked it");
    });
    await it("by change-password revokes every credential at once, and the tasks accept the new token", async () => {
      const [mine, other] = [await signIn(email), await signIn(email)];
      const json = { currentPassword: PASSWORD, newPassword: PASSWORD, revokeOtherSessions: true };
      const changed = await post("change-password", { json, bearer: mine.token });
      assertStatus(changed, 200);
      await assertRevoked(mine);
      await assertRevoked(other);
      await assertTasks(mine.user, { bearer: changed.json.token }, "the new token");
      await assertTasks(mine.user, { bearer: changed.headers["set-auth-token"] }, "the new opaque token");
    });
    await it("by a password reset revokes every credential at once", async () => {
      const credentials = await signIn(email);
      const token = await resetToken(email);
      assertStatus(await post("reset-password", { json: { newPassword: PASSWORD, token } }), 200, { status: true });
      await assertRevoked(credentials);
    });
    await it("by revoke-sessions revokes every credential at once", async () => {
      const credentials = await signIn(email);
      assertStatus(await post("revoke-sessions", { bearer: credentials.signed }), 200, { status: true });
      await assertRevoked(credentials);
    });
    await it("by delete-user revokes every credential at once", async () => {
      const [mine, other] = [await signIn(email), await signIn(email)];
      assertStatus(
        await post("delete-user", { json: { password: PASSWORD }, bearer: mine.token }),
        200,
        { success: true },
      );
      await assertRevoked(mine);
      await assertRevoked(other);
    });
  });

  await scenario("web page", async (it) => {
    const { email } = await signUp();
    const { signed } = await signIn(email);
    await it("of a trusted origin may read the responses and the tokens' headers", async () => {
      const response = await get("get-session", { bearer: signed, origin: ORIGIN });
      const { headers } = response;
      assertEqual(headers["access-control-allow-origin"], ORIGIN, "Access-Control-Allow-Origin");
      assertEqual(headers["access-control-allow-credentials"], "true", "Access-Control-Allow-Credentials");
      assertExposed(response, "set-auth-token");
      assertExposed(response, "set-auth-jwt");
    });
    await it("of an untrusted origin may read nothing", async () => {
      const { headers } = await get("get-session", { bearer: signed, origin: FOREIGN });
      assertEqual(headers["access-control-allow-origin"], undefined, "Access-Control-Allow-Origin");
    });
    await it("gets an error's code, message and detail", async () => {
      const { json } = await post("sign-in/email", { json: { email, password: OTHER_PASSWORD }, origin: ORIGIN });
      assertEqual([json.code, json.detail], ["INVALID_EMAIL_OR_PASSWORD", "Invalid credentials"], "code and detail");
      assertEqual(json.message, "Invalid email or password", "message");
    });
  });

  await scenario(title, async (it) => {
    const { first, second, third, reused } = await late;
    await it("by a token used before is 401", async () => assertEqual(reused.status, 401, "status"));
    await it("by a token used before ends the session with all its credentials", async () => {
      for (const { token } of [first, second, third]) {
        await assertUnauthorized(first.user, { bearer: token }, "a JWT");
      }
      await assertUnauthorized(first.user, { bearer: first.signed }, "the opaque token");
      await assertNoSession({ cookie: first.cookie }, "the cookie");
      assertEqual((await refresh(third.refresh_token)).status, 401, "status of the newest refresh token");
    });
  });
}

if (env.REQUIRE_EMAIL_VERIFICATION) {
  await verificationScenarios();
} else {
  await betterAuthScenarios();
}
if (env.EXTENSIONS && !env.REQUIRE_EMAIL_VERIFICATION) {
  await serviceScenarios();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
