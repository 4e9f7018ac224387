// The task routes require a bearer token. Sign-up and sign-in return it in the header set-auth-token.

const STORAGE_KEY = "todo-token";

export function keepToken(response: Response): void {
  const token = response.headers.get("set-auth-token");
  if (token) localStorage.setItem(STORAGE_KEY, token);
}

export async function accessToken(): Promise<string> {
  return localStorage.getItem(STORAGE_KEY) ?? "";
}
