/** The labelling page. */
import { render } from 'preact';
import { hearKey } from './keys.js';
import { LabelPage } from './labelPage.js';
import { start } from './session.js';
import '../shared/base.css';
import './styles.css';

const place = document.getElementById('page');
if (place === null) throw new Error('label.html has the element #page');
render(<LabelPage />, place);
window.addEventListener('keydown', hearKey);
void start();
