/** The page of the cluster view. */
import { render } from 'preact';
import { adoptStyles } from '../ui/stylesheet.ts';
import { connectHost } from '../ui/host.ts';
import { App } from './app.tsx';
import { ClusterStore } from './store.ts';
import type { ClusterPicture } from './store.ts';
import { clusterStyles } from './styles.ts';
import { readViewState } from './viewState.ts';
import type { ViewState } from './viewState.ts';

adoptStyles(clusterStyles);

const root = document.createElement('div');
root.id = 'root';
document.body.append(root);

const store: ClusterStore = new ClusterStore({
  post: (message) => {
    host.post(message);
  },
  onPicture: (next, transitions) => {
    picture = next;
    if (transitions.length > 0) announcement = transitions.slice(0, mostAnnounced).join(' ');
    paint();
  },
});
const host = connectHost((message) => {
  store.receive(message);
});
/** More than this at once is noise: the summary says the rest. */
const mostAnnounced = 5;

let viewState: ViewState = readViewState(host.savedState());
let picture: ClusterPicture | null = null;
let announcement = '';
let asked = false;

/** Once a frame, however much has changed. */
function paint(): void {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (picture === null) return;
    render(
      <App
        picture={picture}
        announcement={announcement}
        state={viewState}
        onState={(next) => {
          viewState = next;
          host.saveState(next);
          paint();
        }}
        post={(message) => {
          host.post(message);
        }}
        watchAgain={() => {
          store.watchAgain();
        }}
      />,
      root,
    );
  });
}

store.begin();
