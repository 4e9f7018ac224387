import { api, ME } from "../api/client";
import { Credentials, type CredentialCalls } from "../ui/Credentials";
import { Field, Select } from "../ui/Field";

const COMPONENTS = { events: "Events", todos: "To-dos" };

const calls: CredentialCalls = {
  async list() {
    const { data, error } = await api.GET("/api/{user_id}/feeds", { params: { path: ME } });
    if (!data) throw new Error(error.message);
    return data.map(({ id, name, last_read_on }) => ({
      id,
      name: name ?? "Calendar",
      detail: last_read_on ? `last read on ${last_read_on}` : "not read yet",
    }));
  },
  async create(form) {
    const tag = String(form.get("tag"));
    const body = {
      name: String(form.get("name")),
      as: form.get("as") as keyof typeof COMPONENTS,
      filter: { completed: false, tag: tag ? [tag] : [] },
    };
    const { data, error } = await api.POST("/api/{user_id}/feeds", { params: { path: ME }, body });
    if (!data) throw new Error(error.message);
    return data.url;
  },
  async remove(id) {
    const params = { path: { ...ME, feed_id: Number(id) } };
    const { error } = await api.DELETE("/api/{user_id}/feeds/{feed_id}", { params });
    if (error) throw new Error(error.message);
  },
};

/** The feeds of the user: addresses under which calendar programs read the tasks. */
export function CalendarsPage() {
  return (
    <>
      <h1>Calendars</h1>
      <p>A calendar program shows your tasks with a due date. Whoever has the address of the calendar can read them.</p>
      <Credentials calls={calls} remove="Revoke">
        <Field label="Name" name="name" maxLength={100} required />
        <Field label="Only the tag" name="tag" maxLength={50} />
        <Select label="Show as" name="as" options={COMPONENTS} />
        <button className="primary">Subscribe</button>
      </Credentials>
    </>
  );
}
