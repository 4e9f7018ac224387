import { createAuthClient } from "better-auth/react";

import { API_URL } from "../config";
import { keepToken } from "./accessToken";

export const authClient = createAuthClient({
  baseURL: API_URL,
  fetchOptions: { onSuccess: ({ response }) => keepToken(response) },
});
