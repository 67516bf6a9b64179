// GoHighLevel's official SDK against the sandbox: what it sends and reads is GoHighLevel's own word on the API.
//
// Needs SANDBOX_URL, SANDBOX_TOKEN and SANDBOX_LOCATION. Ends with status 0 where everything is as the SDK expects it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import sdk from "@gohighlevel/api-client";

const url = process.env.SANDBOX_URL;
const locationId = process.env.SANDBOX_LOCATION;

function client(config) {
  const made = new sdk.HighLevel({ logLevel: "none", ...config });
  made.getHttpClient().defaults.baseURL = url;
  return made;
}

async function control(method, path, body) {
  const answer = await fetch(`${url}/_sandbox/${path}`, { method, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, path);
  return answer.json();
}

async function contactThroughItsLife(ghl) {
  const email = "sdk@example.com";
  const created = await ghl.contacts.createContact({ locationId, email, firstName: "Sdk", tags: ["new"] });
  const contactId = created.contact.id;
  const read = await ghl.contacts.getContact({ contactId });
  assert.deepEqual([read.contact.email, read.contact.tags], [email, ["new"]]);
  await assert.rejects(ghl.contacts.createContact({ locationId, email }), (error) => error.statusCode === 400);

  const tagged = await ghl.contacts.addTags({ contactId }, { tags: ["vip"] });
  assert.deepEqual(tagged.tags, ["new", "vip"]);
  const noted = await ghl.contacts.createNote({ contactId }, { body: "from the SDK" });
  const notes = await ghl.contacts.getAllNotes({ contactId });
  assert.deepEqual(notes.notes.map((note) => [note.id, note.body]), [[noted.note.id, "from the SDK"]]);

  const { pipelines } = await ghl.opportunities.getPipelines({ locationId });
  const { opportunity } = await ghl.opportunities.createOpportunity({
    locationId,
    contactId,
    pipelineId: pipelines[0].id,
    pipelineStageId: pipelines[0].stages[0].id,
    name: "An order",
    status: "open",
    monetaryValue: 97,
  });
  const kept = await ghl.opportunities.getOpportunity({ id: opportunity.id });
  assert.deepEqual([kept.opportunity.contactId, kept.opportunity.monetaryValue], [contactId, 97]);

  await ghl.contacts.deleteContact({ contactId });
  await assert.rejects(ghl.contacts.getContact({ contactId }), (error) => error.statusCode === 400);
}

async function signedEvents(ghl) {
  const { public_key: key } = await control("GET", "webhook_key");
  const got = [];
  const server = createServer(async (request, answer) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    got.push([Buffer.concat(chunks), request.headers["x-ghl-signature"]]);
    answer.end();
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  await control("PUT", "settings", { webhooks: [{ url: `http://127.0.0.1:${server.address().port}/` }] });
  await ghl.contacts.createContact({ locationId, email: "event@example.com" });
  for (let round = 0; got.length === 0 && round < 500; round += 1) {
    await new Promise((later) => setTimeout(later, 20));
  }
  await control("PUT", "settings", { webhooks: [] });
  server.closeAllConnections();
  server.close();
  const [body, signature] = got[0];
  assert.equal(JSON.parse(body).type, "ContactCreate");
  assert.equal(ghl.webhooks.verifyEd25519Signature(body, signature, key), true);
  assert.equal(ghl.webhooks.verifyEd25519Signature(Buffer.concat([body, body]), signature, key), false);
}

async function oauth() {
  const clientId = "sandboxapp-1";
  const clientSecret = "sandbox-secret";
  const app = client({ clientId, clientSecret });
  const page = new URL(app.oauth.getAuthorizationUrl(clientId, "https://example.com/back", "contacts.readonly"));
  const agreed = await fetch(url + page.pathname + page.search, { redirect: "manual" });
  const code = new URL(agreed.headers.get("location")).searchParams.get("code");
  const form = { client_id: clientId, client_secret: clientSecret, grant_type: "authorization_code", code };
  const pair = await app.oauth.getAccessToken(form);
  assert.deepEqual([pair.userType, pair.locationId], ["Location", locationId]);
  const next = await app.oauth.refreshToken(pair.refresh_token, clientId, clientSecret, "refresh_token", "Location");
  assert.notEqual(next.refresh_token, pair.refresh_token);

  const ghl = client({ clientId, clientSecret, locationAccessToken: next.access_token });
  const { contacts } = await ghl.contacts.searchContactsAdvanced({ locationId, pageLimit: 10 });
  assert.deepEqual(contacts.map((contact) => contact.email), ["event@example.com"]);
  await assert.rejects(ghl.calendars.getCalendars({ locationId }), (error) => error.statusCode === 401);
}

const ghl = client({ privateIntegrationToken: process.env.SANDBOX_TOKEN });
await contactThroughItsLife(ghl);
const { calendars } = await ghl.calendars.getCalendars({ locationId });
assert.ok(Array.isArray(calendars));
await signedEvents(ghl);
await oauth();
console.log("the SDK agrees with the sandbox");
