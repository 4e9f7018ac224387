"use strict";

// Relative URLs, so that the page also works below a path of a reverse proxy.
const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  displayRequestDuration: true,
  onComplete: () => { document.title = `${ui.specSelectors.info().get("title")} reference`; },
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
