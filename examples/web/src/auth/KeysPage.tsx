import type { components } from "../api/schema";
import { Credentials, type CredentialCalls } from "../ui/Credentials";
import { Field, Select } from "../ui/Field";
import { authClient, dataOf } from "./client";

type Permissions = Required<components["schemas"]["Permissions"]>;
type Scope = { [Resource in keyof Permissions]: `${Resource}:${Permissions[Resource][number]}` }[keyof Permissions];

/** Every scope of the service: the compiler compares them with the OpenAPI document. */
const SCOPES: Record<Scope, string> = {
  "tasks:read": "Read tasks",
  "tasks:write": "Change tasks",
  "feeds:manage": "Manage calendars",
};
const LIFETIMES = { "30": "30 days", "90": "90 days", "365": "One year" };
const DAY = 86_400;

const calls: CredentialCalls = {
  async list() {
    const { apiKeys } = await dataOf(authClient.apiKey.list());
    return apiKeys.map(({ id, name, start }) => ({ id, name: name ?? "Key", detail: `${start}…` }));
  },
  async create(form) {
    const { key } = await dataOf(
      authClient.apiKey.create({
        name: String(form.get("name")),
        expiresIn: Number(form.get("days")) * DAY,
        permissions: permissionsOf(form.getAll("scope").map(String)),
      }),
    );
    return key;
  },
  async remove(keyId) {
    await dataOf(authClient.apiKey.delete({ keyId }));
  },
};

/** Returns scopes as Better Auth has them: the actions by resource. */
function permissionsOf(scopes: string[]): Record<string, string[]> {
  const permissions: Record<string, string[]> = {};
  for (const scope of scopes) {
    const [resource, action] = scope.split(":");
    (permissions[resource!] ??= []).push(action!);
  }
  return permissions;
}

/** The API keys of the user: credentials for scripts. */
export function KeysPage() {
  return (
    <>
      <h1>API keys</h1>
      <p>A key gives a script access to your tasks, without your password.</p>
      <Credentials calls={calls} remove="Delete">
        <Field label="Name" name="name" maxLength={64} required />
        <Select label="Expires after" name="days" options={LIFETIMES} />
        <fieldset>
          <legend>Permissions</legend>
          {Object.entries(SCOPES).map(([scope, text]) => (
            <label key={scope} className="choice">
              <input type="checkbox" name="scope" value={scope} defaultChecked={scope === "tasks:read"} /> {text}
            </label>
          ))}
        </fieldset>
        <button className="primary">Create key</button>
      </Credentials>
    </>
  );
}
