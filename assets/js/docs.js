// The API's own page: Swagger UI on our description of the API.
window.SwaggerUIBundle({ dom_id: '#swagger-ui', url: document.getElementById('swagger-ui')?.dataset.openapi, deepLinking: true, validatorUrl: null });
