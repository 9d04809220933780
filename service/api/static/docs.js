// Shows /openapi.json and lets a reader try it; nothing outside this service is asked.
window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    dom_id: "#api",
    url: "/openapi.json",
    validatorUrl: null,
    queryConfigEnabled: false,
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    persistAuthorization: false,
    tryItOutEnabled: true,
    syntaxHighlight: { activated: true },
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
});
