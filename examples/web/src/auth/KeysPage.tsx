import { type FormEvent, useEffect, useState } from "react";

import { announce } from "../ui/announcer";
import { Field, Select } from "../ui/Field";
import { authClient } from "./client";

const PERMISSIONS = { read: "Read tasks", write: "Read and write tasks" };
const LIFETIMES = { "30": "30 days", "90": "90 days", "365": "One year" };
const DAY = 86_400;

interface Key {
  id: string;
  name: string | null;
  start: string | null;
}

/** The API keys of the user: credentials for scripts. */
export function KeysPage() {
  const [keys, setKeys] = useState<Key[]>([]);
  const [created, setCreated] = useState("");
  const [error, setError] = useState("");

  async function load() {
    const { data, error } = await authClient.apiKey.list();
    setKeys(data?.apiKeys ?? []);
    setError(error?.message ?? "");
  }

  useEffect(() => void load(), []);

  async function create(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const { data, error } = await authClient.apiKey.create({
      name: String(form.get("name")),
      expiresIn: Number(form.get("days")) * DAY,
      permissions: { tasks: form.get("permission") === "write" ? ["read", "write"] : ["read"] },
    });
    setCreated(data?.key ?? "");
    await load();
    if (error) setError(error.message ?? error.statusText);
  }

  async function remove(id: string) {
    const { error } = await authClient.apiKey.delete({ keyId: id });
    if (error) setError(error.message ?? error.statusText);
    else announce("Deleted the key.");
    await load();
  }

  return (
    <>
      <h1>API keys</h1>
      <p>A key gives a script access to your tasks, without your password.</p>
      <form onSubmit={create} className="card columns">
        <Field label="Name" name="name" maxLength={64} required />
        <Select label="Permission" name="permission" options={PERMISSIONS} />
        <Select label="Expires after" name="days" options={LIFETIMES} />
        <button className="primary">Create key</button>
      </form>
      <p role="alert">{error}</p>
      <div role="status">{created && <NewKey text={created} />}</div>
      <ul className="tasks">
        {keys.map(({ id, name, start }) => (
          <li key={id} className="task card">
            <div>
              {name} <small>{start}…</small>
            </div>
            <button onClick={() => remove(id)} aria-label={`Delete ${name}`}>
              Delete
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function NewKey({ text }: { text: string }) {
  return (
    <p className="card">
      Copy the key now; it is not shown again: <code>{text}</code>
    </p>
  );
}
