import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Port 3000 is in the default CORS_ORIGINS of the service.
const server = { port: 3000, strictPort: true };

export default defineConfig({ plugins: [react()], server, preview: server });
