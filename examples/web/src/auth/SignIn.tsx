import { type FormEvent, useState } from "react";

import { Field } from "../ui/Field";
import { authClient } from "./client";

/** The form to sign in or to create an account. */
export function SignIn() {
  const [isNew, setIsNew] = useState(false);
  const [error, setError] = useState("");
  const [isBusy, setIsBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [name, email, password] = ["name", "email", "password"].map((field) => String(form.get(field) ?? ""));
    setIsBusy(true);
    setError(await signIn(isNew, { name: name!, email: email!, password: password! }));
    setIsBusy(false);
  }

  return (
    <main className="sign-in">
      <img src="/icon.svg" alt="" width="48" />
      <h1>{isNew ? "Create an account" : "Sign in"}</h1>
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
    </main>
  );
}

/** Signs in or up. Returns the error to show, or an empty text. */
async function signIn(isNew: boolean, account: { name: string; email: string; password: string }): Promise<string> {
  const { email, password } = account;
  try {
    const { error } = isNew
      ? await authClient.signUp.email(account)
      : await authClient.signIn.email({ email, password });
    return error ? (error.message ?? error.statusText) : "";
  } catch {
    return "The service is unreachable. Try again later.";
  }
}
