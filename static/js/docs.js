// The API, to read and to try; requests made from here carry the CSRF token of the signed-in page.
const target = document.getElementById("docs");

SwaggerUIBundle({
  url: "/openapi.json",
  domNode: target,
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["X-CSRF-Token"] = target.dataset.csrf;
    return request;
  },
});
