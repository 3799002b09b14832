// The arrows of ARCHITECTURE.md, held by `npm run check`.

/** What anyone above the port may know of the runtime room. */
const vocabulary = '^runtime/(model|errors|watch|watchChannel|watchStream|callOptions)\\.ts$|^runtime/term/';
const tests =
  '\\.(test|beam\\.test|e2e|bench)\\.tsx?$|^test/|^bench/|/conformance/|/(test[A-Z]\\w*|\\w+Arbitrary)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'Two files that need each other are one file, or need a third.',
      severity: 'error',
      from: {},
      // A cycle of types alone does not exist when the program runs.
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      comment: 'Nothing imports it and it is no entry: delete it, or say what it is an entry of.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: ['\\.d\\.(m)?ts$', '\\.json$', tests, '^(client/extension|server/main|server/operation)\\.ts$'],
      },
      to: {},
    },
    {
      name: 'no-unresolvable',
      comment:
        'The import leads nowhere. (The peers of the benchmarks are a package of their own, installed by who measures.)',
      severity: 'error',
      from: { pathNot: '^bench/embedded/peers/' },
      to: { couldNotResolve: true, pathNot: '^vscode$' },
    },
    {
      name: 'runtime-knows-nothing-above-it',
      comment: 'The port is what the server sees of a system, not the other way round.',
      severity: 'error',
      from: { path: '^runtime/', pathNot: tests },
      to: { path: '^(server|client|webview|test|bench)/' },
    },
    {
      name: 'term-imports-nothing',
      comment: 'runtime/term could be published alone.',
      severity: 'error',
      from: { path: '^runtime/term/', pathNot: tests },
      to: { pathNot: '^runtime/term/' },
    },
    {
      name: 'distribution-stands-alone',
      comment: 'runtime/beam/dist knows nothing of Arsenal and could be published alone.',
      severity: 'error',
      from: { path: '^runtime/beam/dist/', pathNot: tests },
      to: { pathNot: '^runtime/(term|beam/dist)/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'kernel-is-pure',
      comment: 'Clock, chance and I/O are handed in, so that a seed replays a run.',
      severity: 'error',
      from: { path: '^runtime/embedded/(kernel|otp|cluster|horde|libcluster|demo)/', pathNot: tests },
      to: { dependencyTypes: ['core', 'npm'] },
    },
    {
      name: 'runtimes-do-not-know-each-other',
      comment:
        'What two runtimes share stands beside the port. A local cluster is BEAM nodes, and joined as those are.',
      severity: 'error',
      from: { path: '^runtime/(embedded|beam|fake)/', pathNot: tests },
      to: { path: '^runtime/(embedded|beam|fake|local)/', pathNot: '^runtime/$1/' },
    },
    {
      name: 'local-clusters-build-on-beam',
      comment: 'A local cluster starts BEAM nodes and joins them; it knows no other runtime.',
      severity: 'error',
      from: { path: '^runtime/local/', pathNot: tests },
      to: { path: '^runtime/(embedded|fake)/' },
    },
    {
      name: 'protocol-is-data',
      comment: 'server/protocol is what client, server and webview agree on: no I/O, nothing of the server.',
      severity: 'error',
      from: { path: '^server/protocol/', pathNot: tests },
      to: { pathNot: `^server/protocol/|^runtime/port\\.ts$|${vocabulary}|^node_modules/vscode-jsonrpc/` },
    },
    {
      name: 'core-stands-below',
      comment: 'server/core says what an operation is; surfaces, catalogue and services are built on it.',
      severity: 'error',
      from: { path: '^server/core/', pathNot: tests },
      to: { path: '^server/(backend|cli|gateway|language|operations|services|workspace)/|^server/main\\.ts$' },
    },
    {
      name: 'operations-see-only-the-port',
      comment: 'No operation knows which runtime it runs on.',
      severity: 'error',
      from: { path: '^server/(operations|core|services)/', pathNot: tests },
      to: { path: '^runtime/(embedded|beam|fake|local|proxy)/' },
    },
    {
      name: 'surfaces-go-through-the-backend',
      comment: 'Gateway, CLI and language features have one door.',
      severity: 'error',
      from: { path: '^server/(gateway|language)/', pathNot: tests },
      to: { path: '^server/operations/|^runtime/(embedded|beam|fake|local)/' },
    },
    {
      name: 'client-sees-the-protocol',
      comment: 'The editor talks to the server by messages.',
      severity: 'error',
      from: { path: '^client/', pathNot: tests },
      to: { path: '^(server|runtime|webview|test)/', pathNot: `^server/protocol/|^runtime/port\\.ts$|${vocabulary}` },
    },
    {
      name: 'webview-sees-the-protocol',
      comment: 'A page talks to the client by messages, and has no Node.',
      severity: 'error',
      from: { path: '^webview/', pathNot: tests },
      to: { path: '^(server|runtime|client|test)/', pathNot: `^server/protocol/|^runtime/port\\.ts$|${vocabulary}` },
    },
    {
      name: 'webview-has-no-node',
      severity: 'error',
      from: { path: '^webview/', pathNot: tests },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'controls-behind-one-seam',
      comment: 'webview/ui is the only place that knows the control library.',
      severity: 'error',
      from: { path: '^webview/', pathNot: '^webview/ui/' },
      to: { path: '@vscode/webview-ui-toolkit' },
    },
    {
      name: 'only-the-client-knows-vscode',
      severity: 'error',
      from: { pathNot: '^(client|test/editor)/' },
      to: { path: '^vscode$|^node_modules/(vscode-languageclient|@types/vscode)/' },
    },
    {
      name: 'product-does-not-know-tests',
      severity: 'error',
      from: { path: '^(runtime|server|client|webview)/', pathNot: tests },
      to: { path: '^(test|bench)/|\\.test\\.tsx?$|^node_modules/(vitest|fast-check|mocha|playwright-core)/' },
    },
    {
      name: 'no-development-dependency-in-the-product',
      severity: 'error',
      from: { path: '^(runtime|server|client|webview)/', pathNot: `${tests}|^runtime/fake/` },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '^node_modules/@types/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
    exclude: { path: '^(dist|out|coverage|\\.cache)/|test/fixtures/' },
  },
};
