import createClient from "openapi-fetch";

import { accessToken } from "../auth/accessToken";
import { API_URL } from "../config";
import type { components, paths } from "./schema";
import { Unavailable } from "./unavailable";

export type Task = components["schemas"]["Task"];
export type Problem = components["schemas"]["Problem"];
/** The fields of a task that a user writes. */
export type TaskFields = Pick<Task, "title" | "description" | "due" | "priority" | "tags" | "completed" | "order">;

/** The path parameter of the signed-in user. */
export const ME = { user_id: "me" };

export const api = createClient<paths>({ baseUrl: API_URL, fetch: fetchWithToken });

async function fetchWithToken(request: Request): Promise<Response> {
  request.headers.set("Authorization", `Bearer ${await accessToken()}`);
  try {
    return await fetch(request);
  } catch {
    throw new Unavailable();
  }
}
