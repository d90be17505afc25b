import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Express } from 'express';
import { send, type Frame } from './exchange.ts';
import { addGet, fixedDocument } from './get-route.ts';

const ASSETS = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];

/** Scripts and calls to this server alone. Swagger UI writes style attributes and draws icons from data URLs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

/** The addresses in it are relative, for a proxy or another application may serve it below a path of its own. */
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>API reference</title>
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
});
`;

/** Adds the reference at `/docs`: Swagger UI from the installed package, so that it works without a network. */
export function mountDocs(app: Express, frame: Frame): void {
  const root = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const page = fixedDocument('text/html; charset=utf-8', PAGE);
  addGet(app, frame, '/docs', (exchange, response) => {
    // Seen from there the addresses in the page would lead elsewhere.
    if (response.req.path.endsWith('/')) {
      response.setHeader('Location', '../docs');
      return send(exchange, 308, 'text/plain; charset=utf-8', '');
    }
    response.setHeader('Content-Security-Policy', POLICY);
    return page(exchange, response);
  });
  addGet(app, frame, '/docs/start.js', fixedDocument('text/javascript; charset=utf-8', START));
  for (const file of ASSETS) {
    addGet(app, frame, `/docs/${file}`, (_exchange, response) =>
      response.sendFile(file, { root, acceptRanges: false }),
    );
  }
}
