import { apiKeyClient } from "@better-auth/api-key/client";
import { createAuthClient } from "better-auth/react";

import { API_URL } from "../config";
import { forgetToken } from "./accessToken";

export const authClient = createAuthClient({
  baseURL: API_URL,
  plugins: [apiKeyClient()],
  fetchOptions: { onSuccess: ({ request }) => (request.method === "POST" ? forgetToken() : undefined) },
});
