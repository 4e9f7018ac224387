import { type FormEvent, type ReactNode, useEffect, useState } from "react";

import { announce } from "./announcer";

interface Credential {
  id: string | number;
  name: string;
  detail: string;
}

/** The requests of a page of credentials. Each throws an error whose message can be shown. */
export interface CredentialCalls {
  list: () => Promise<Credential[]>;
  /** Creates a credential, and returns the secret that is shown this once. */
  create: (form: FormData) => Promise<string>;
  remove: (id: string) => Promise<void>;
}

interface Props {
  calls: CredentialCalls;
  /** The fields of the form that creates one, and its button. */
  children: ReactNode;
  remove: string;
}

/** Credentials whose secret is shown once: a form that creates them, and a list to delete them from. */
export function Credentials({ calls, children, remove }: Props) {
  const [credentials, setCredentials] = useState<Credential[]>([]);
  const [secret, setSecret] = useState("");
  const [error, setError] = useState("");

  async function run(action?: () => Promise<void>) {
    try {
      await action?.();
      setCredentials(await calls.list());
      setError("");
    } catch (failure) {
      setError((failure as Error).message);
    }
  }

  useEffect(() => void run(), []);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void run(async () => setSecret(await calls.create(form)));
  }

  return (
    <>
      <form onSubmit={submit} className="card columns">
        {children}
      </form>
      <p role="alert">{error}</p>
      <div role="status">{secret && <Secret text={secret} />}</div>
      <ul className="tasks">
        {credentials.map(({ id, name, detail }) => (
          <li key={id} className="task card">
            <div>
              {name} <small>{detail}</small>
            </div>
            <button onClick={() => run(() => calls.remove(String(id)))} aria-label={`${remove} ${name}`}>
              {remove}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Secret({ text }: { text: string }) {
  async function copy() {
    await navigator.clipboard.writeText(text);
    announce("Copied.");
  }

  return (
    <p className="card">
      Copy this now; it is not shown again: <code>{text}</code>
      <button onClick={copy}>Copy</button>
    </p>
  );
}
