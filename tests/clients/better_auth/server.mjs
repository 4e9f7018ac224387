// A real, unmodified Better Auth server, which proves the checks of client.mjs.
//
//   PORT=3100 node server.mjs        serves http://localhost:3100/api/auth
//
// PORT                 its port; 0 (the default) is any free one
// BASE_URL             its public URL (default http://localhost:PORT)
// BETTER_AUTH_SECRET   signs its cookies (default: a constant of the tests)
// TRUSTED_ORIGINS      further origins, comma-separated (default http://localhost:3000)
// REQUIRE_EMAIL_VERIFICATION   requires a verified e-mail address, and a mailed link for the deletion of an account
// MAILS                the file to which the mails are appended (default: standard output)

import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { bearer, jwt } from "better-auth/plugins";

const { env } = process;
const verified = Boolean(env.REQUIRE_EMAIL_VERIFICATION);
const tables = { user: [], session: [], account: [], verification: [], jwks: [], apikey: [] };

let handle;
const server = createServer((request, response) => handle(request, response));
server.listen(Number(env.PORT || 0), "localhost", () => {
  const baseURL = env.BASE_URL || `http://localhost:${server.address().port}`;
  const auth = betterAuth({
    baseURL,
    secret: env.BETTER_AUTH_SECRET || "a secret of the tests, long enough",
    trustedOrigins: (env.TRUSTED_ORIGINS || "http://localhost:3000").split(","),
    database: memoryAdapter(tables),
    emailAndPassword: {
      enabled: true,
      revokeSessionsOnPasswordReset: true,
      requireEmailVerification: verified,
      sendResetPassword: async ({ user, url }) => deliver(user.email, "Reset your password", url),
    },
    emailVerification: {
      sendOnSignIn: true,
      sendVerificationEmail: async ({ user, url }) => deliver(user.email, "Verify your e-mail address", url),
    },
    user: {
      changeEmail: {
        enabled: true,
        sendChangeEmailConfirmation: async ({ user, url }) => deliver(user.email, "Confirm the change", url),
      },
      deleteUser: {
        enabled: true,
        ...(verified && {
          sendDeleteAccountVerification: async ({ user, url }) => deliver(user.email, "Confirm the deletion", url),
        }),
      },
    },
    plugins: [bearer(), jwt(), apiKey()],
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: "error", log: (level, message) => console.error(`better-auth ${level}: ${message}`) },
  });
  handle = toNodeHandler(auth);
  console.log(`Better Auth serves on ${baseURL}`);
});

function deliver(recipient, subject, url) {
  const mail = `To: ${recipient}\nSubject: ${subject}\n\n${url}\n\n`;
  if (env.MAILS) {
    appendFileSync(env.MAILS, mail);
  } else {
    process.stdout.write(mail);
  }
}

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => process.exit(0));
}
