import { type FormEvent, useState } from "react";

import { Field } from "../ui/Field";
import { type AuthError, authClient, dataOf } from "./client";
import { callbackURL, CheckMail, LinkOutcome } from "./VerifyEmail";

/** The page without a signed-in user: a form to sign in or up, or the notice of a link that must be followed first. */
export function SignIn() {
  const [unverified, setUnverified] = useState("");
  return (
    <main className="sign-in">
      <img src="/icon.svg" alt="" width="48" />
      {unverified ? (
        <CheckMail email={unverified} onClose={() => setUnverified("")} />
      ) : (
        <SignInForm onUnverified={setUnverified} />
      )}
    </main>
  );
}

function SignInForm({ onUnverified }: { onUnverified: (email: string) => void }) {
  const [isNew, setIsNew] = useState(false);
  const [error, setError] = useState("");
  const [isBusy, setIsBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [name, email, password] = ["name", "email", "password"].map((field) => String(form.get(field) ?? ""));
    const account = { name: name!, email: email!, password: password!, callbackURL };
    setIsBusy(true);
    try {
      const { token } = await dataOf(isNew ? authClient.signUp.email(account) : authClient.signIn.email(account));
      if (!token) onUnverified(account.email);
    } catch (failure) {
      const { code, message } = failure as AuthError;
      if (code === "EMAIL_NOT_VERIFIED") onUnverified(account.email);
      else setError(message);
    }
    setIsBusy(false);
  }

  return (
    <>
      <h1>{isNew ? "Create an account" : "Sign in"}</h1>
      <LinkOutcome />
      <form onSubmit={submit} className="card">
        {isNew && <Field label="Name" name="name" autoComplete="name" maxLength={255} required />}
        <Field label="E-mail" name="email" type="email" autoComplete="email" maxLength={254} required />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete={isNew ? "new-password" : "current-password"}
          minLength={8}
          maxLength={128}
          required
          {...(isNew && { hint: "At least 8 characters." })}
        />
        <p role="alert">{error}</p>
        <button className="primary" disabled={isBusy}>
          {isNew ? "Create account" : "Sign in"}
        </button>
      </form>
      <p>
        {isNew ? "You have an account?" : "New here?"}{" "}
        <button className="link" onClick={() => setIsNew(!isNew)}>
          {isNew ? "Sign in" : "Create an account"}
        </button>
      </p>
    </>
  );
}
