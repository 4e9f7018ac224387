import createClient from "openapi-fetch";

import { accessToken, forgetToken } from "../auth/accessToken";
import { API_URL } from "../config";
import type { components, paths } from "./schema";
import { Unavailable } from "./unavailable";

export type Task = components["schemas"]["Task"];
export type Problem = components["schemas"]["Problem"];
/** The fields of a task that a user writes. */
export type TaskFields = Pick<
  Task,
  "title" | "description" | "due" | "priority" | "tags" | "completed" | "order" | "recurrence" | "timezone"
>;

/** The path parameter of the signed-in user. */
export const ME = { user_id: "me" };

export const api = createClient<paths>({ baseUrl: API_URL, fetch: fetchWithToken });

/** Sends a request with the access token; after 401 once more, with a new one. */
async function fetchWithToken(request: Request): Promise<Response> {
  const retry = request.clone();
  const response = await send(request);
  if (response.status !== 401) return response;
  forgetToken();
  return send(retry);
}

async function send(request: Request): Promise<Response> {
  request.headers.set("Authorization", `Bearer ${await accessToken()}`);
  return fetch(request).catch(() => {
    throw new Unavailable();
  });
}
