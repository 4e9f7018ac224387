/** The address of the service, without a trailing slash. */
export const API_URL = import.meta.env.VITE_API_URL ?? "http://localhost:8000";
