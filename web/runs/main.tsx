/** The page of all runs. */
import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import '../shared/base.css';
import './styles.css';
import './curves.css';
import './dialogues.css';
import { RunsPage } from './runsPage.js';
import { lookAtJob } from './jobs.js';
import { startLive } from './live.js';

const place = document.getElementById('page');
if (place === null) throw new Error('runs.html has the element #page');
render(<RunsPage />, place);
startLive();
void lookAtJob();
